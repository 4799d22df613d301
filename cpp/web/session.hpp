// A model in a page: the network without a runtime, and what its recipe says around it. Of a picture only strips of rows
// lie here, one after another: the page has the whole.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "codecs/png_encode.hpp"
#include "core/buffer.hpp"
#include "net/network.hpp"
#include "pipeline/around_network.hpp"
#include "web/input_strips.hpp"

namespace rmbg::web {

// One picture at a time: `begin`, `feed` while there are `more` strips, `run`; then for each result `cut` and `cut_rows`
// strip by strip, each followed by `png_rows` where a file is wanted.
class Session {
 public:
  // The weights must outlive it. Throws Error(model): a network that is no picture to mask.
  Session(const Recipe& recipe, net::Plan plan, const float* weights, int threads, std::size_t cache);

  // Of RGBA samples, where the page puts the next strip.
  std::uint8_t* strip(std::int32_t width, std::int32_t rows);

  // The network's input, from strips.
  void begin(std::int32_t width, std::int32_t height);
  const InputStrips& input() const { return *input_; }
  void feed() { input_->feed(strip_.data(), threads_); }
  // The mask. False: it was cancelled.
  bool run();
  std::atomic<bool>& cancelled() { return cancelled_; }
  const std::vector<float>& values() const { return mask_; }

  // Begins a result with the last mask, of any size. Gives how many rows a strip should have.
  std::int32_t cut(std::int32_t width, std::int32_t height, const BlendOptions& options);
  // Of the strip, whose first row is `top`: the alpha; and the samples cut out, or over the background, then `channels`
  // of them, opaque.
  void cut_rows(std::int32_t top, std::int32_t rows, std::int32_t channels);
  std::uint8_t* alpha() { return static_cast<std::uint8_t*>(alpha_.data()); }
  std::uint8_t* result() { return static_cast<std::uint8_t*>(result_.data()) + room_above_; }
  const Scene& scene() const { return scene_; }

  // Begins a file of `channels` of the `stored` samples that each pixel has in `result`. Gives how many rows a strip
  // should have.
  std::int32_t png(std::int32_t width, std::int32_t height, std::int32_t stored, std::int32_t channels);
  // Room in `result` for such a strip.
  std::uint8_t* to_write(std::int32_t rows);
  // The next rows, out of `result`, as a piece of so many bytes of the file.
  std::size_t png_rows(std::int32_t rows);
  std::uint8_t* file() { return static_cast<std::uint8_t*>(file_.data()); }

 private:
  // Gives back all that a picture needed around the network: what that works in takes its place, and the other way
  // round.
  void make_way();
  // Of `result`: rows of so many samples, above which there is room for one more.
  void make_room(std::int32_t width, std::int32_t stored, std::int32_t rows);

  const Recipe recipe_;
  net::Network network_;
  const int threads_;
  std::atomic<bool> cancelled_{false};
  Buffer planes_;  // the network's input
  std::optional<Tables> tables_{std::in_place};
  Buffer strip_;
  std::optional<InputStrips> input_;
  std::vector<float> mask_;  // as the network left it: `cut` changes its copy in values_
  Mask size_{};
  Buffer values_;
  Scene scene_{};
  std::optional<MaskResizer> resizer_;
  BlendOptions options_;
  Buffer alpha_, result_;
  std::size_t row_ = 0;         // bytes of one in result_
  std::size_t room_above_ = 0;  // for the row before the strip: filters of PNG files look at it
  ImageView image_{};           // of the file, without its samples
  std::optional<codecs::PngWriter> writer_;
  Buffer file_;
};

}  // namespace rmbg::web
