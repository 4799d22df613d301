// A model's mask on its way to the image's size, by rows; and the range it will have there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/buffer.hpp"
#include "kernels/kernels.hpp"
#include "pipeline/axis.hpp"
#include "pipeline/scaling.hpp"

namespace rmbg {

struct MaskOptions {
  MaskResample resample = MaskResample::bilinear;
  bool nearest = true;  // rounding of integer levels (with pillow_*: before the resize); false: truncation
  Scaling scaling{0.0f, 255.0f};
};

class MaskResizer {
 public:
  // To `height` rows of `width` samples of `type`. The mask must outlive it.
  MaskResizer(const Mask& mask, const MaskOptions& options, std::int32_t width, std::int32_t height,
              kernels::MaskType type, int threads);

  std::size_t scratch_bytes() const;
  // Rows [begin, end) of the result; the first of them goes to dst. Many threads may call it at once.
  void rows(std::int32_t begin, std::int32_t end, void* dst, std::ptrdiff_t stride, void* scratch) const;
  // The same rows, blended with the first rows of `mix`: many threads may call it at once. Only where `fuses`.
  void cut(const kernels::Blend& mix, std::int32_t begin, std::int32_t end, void* scratch) const;
  // Whether mask and blend can be done in one, without an alpha between them: not by way of 8-bit levels.
  bool fuses() const { return !by_levels_; }

 private:
  kernels::ResizeMask job_;
  kernels::ResizeLevels level_job_{};
  bool by_levels_;
  std::shared_ptr<const MaskTable> columns_;
  std::shared_ptr<const MaskTable> rows_;
  std::shared_ptr<const LevelTable> level_columns_;
  std::shared_ptr<const LevelTable> level_rows_;
  Buffer levels_;  // the mask in 8 bits
};

// Smallest and largest finite value of the mask at the size of the image, without making it there: what min-max after
// the resize stretches. Two taps: only the first and the last output between two samples are looked at, for in between
// the resize is monotone (exactly along a column, but for the last bits of float32 along a row), and only where the
// samples around could still change the range. Filters with more taps overshoot: there every row is made.
kernels::MinMax resized_range(const Mask& mask, std::int32_t width, std::int32_t height, MaskResample resample,
                              int threads);

}  // namespace rmbg
