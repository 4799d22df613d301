// The network's input out of a picture of which only a strip of rows is there at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/buffer.hpp"
#include "pipeline/preprocess.hpp"
#include "pipeline/recipe.hpp"

namespace rmbg::web {

constexpr std::size_t kStripBytes = 2 << 20;  // of RGBA samples, where that is enough rows

// With a recipe that divides by the picture's largest sample, the strips are asked for twice: first to find it.
class InputStrips {
 public:
  // The input lies in `planes`.
  InputStrips(const Recipe& recipe, std::int32_t width, std::int32_t height, Tables& tables, Buffer& planes);

  // Rows [top, top + rows) of the picture are wanted next, where there is `more`.
  bool more() const { return rows_ > 0; }
  std::int32_t top() const { return there_.top; }
  std::int32_t rows() const { return rows_; }
  void feed(const void* strip, int threads);

  PlaneSize size() const { return size_; }

 private:
  // As many output rows as a strip has room for.
  void next(std::int32_t begin);

  const Recipe& recipe_;
  Tables& tables_;
  const std::int32_t width_;
  const std::int32_t height_;
  const PlaneSize size_;
  const std::vector<SourceRows> sources_;
  kernels::NormalizedPlanes job_;
  bool measures_;  // the first time of two
  Stretch there_{};
  std::int32_t rows_ = 0;
};

}  // namespace rmbg::web
