// A model in a page: the network without a runtime, and what its recipe says around it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/buffer.hpp"
#include "net/network.hpp"
#include "pipeline/around_network.hpp"

namespace rmbg::web {

// One picture at a time: `picture`, then `run`, then `cut` as often as wanted, then `png`.
class Session {
 public:
  // The weights must outlive it. Throws Error(model): a network that is no picture to mask.
  Session(const Recipe& recipe, net::Plan plan, const float* weights, int threads, std::size_t cache);

  // Memory for the RGBA samples of the next picture.
  std::uint8_t* picture(std::int32_t width, std::int32_t height);
  // The mask of the picture. False: it was cancelled.
  bool run();
  std::atomic<bool>& cancelled() { return cancelled_; }

  // RGBA samples with the mask, over a background opaque ones; and the mask alone.
  void cut(const BlendOptions& options);
  std::uint8_t* result() { return static_cast<std::uint8_t*>(result_.data()); }
  std::uint8_t* alpha() { return static_cast<std::uint8_t*>(alpha_.data()); }
  const std::vector<float>& values() const { return mask_; }
  const Scene& scene() const { return scene_; }

  // The file of a picture whose RGBA samples lie in `result`, of which the first `channels` are written. It takes the
  // memory of `picture`.
  std::size_t png(std::int32_t width, std::int32_t height, std::int32_t channels);
  std::uint8_t* file() { return static_cast<std::uint8_t*>(picture_.data()); }
  // Memory for the RGBA samples of a picture that `png` is to write.
  std::uint8_t* to_write(std::int32_t width, std::int32_t height);

 private:
  ImageView image() { return packed_view(picture_.data(), width_, height_, 4, std::ptrdiff_t{width_} * 4, Sample::u8); }

  const Recipe recipe_;
  net::Network network_;
  const int threads_;
  std::atomic<bool> cancelled_{false};
  Tables tables_;
  std::int32_t width_ = 0, height_ = 0;
  Buffer picture_, input_, output_, alpha_, result_;
  std::vector<float> mask_;  // as the network left it: `cut` changes its copy in output_
  Mask size_{};
  Scene scene_{};
};

}  // namespace rmbg::web
