// A model's mask on its way to the image's size, by rows; and the range it will have there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/buffer.hpp"
#include "kernels/kernels.hpp"
#include "pipeline/axis.hpp"
#include "pipeline/mask_range.hpp"
#include "pipeline/tables.hpp"
#include "pipeline/types.hpp"

namespace rmbg {

// One a call: the judge of the scene asks it for a range, `scale` says what becomes of the values, then the cut-out
// takes its rows from it.
class MaskResizer {
 public:
  // To `height` rows of `width` samples of `type`. The mask's memory must outlive it; its values may change until
  // `scale`.
  MaskResizer(Tables& tables, const Mask& mask, MaskResample resample, std::int32_t width, std::int32_t height,
              kernels::MaskType type);

  std::int32_t width() const { return job_.width; }
  std::int32_t height() const { return job_.height; }
  kernels::MaskType type() const { return job_.type; }

  // The mask's range, or with MinMaxOrder::after the one that it has at the size of the image, without making it there.
  // Two taps: only the first and the last output between two samples are looked at, for in between the resize is
  // monotone (exactly along a column, but for the last bits of float32 along a row), and only where the samples around
  // could still change the range. Filters with more taps overshoot: there every row is made.
  kernels::MinMax range(const MaskRange& range, MinMaxOrder order, int threads) const;

  // `rounds`: integer levels are rounded to nearest (with pillow_* before the resize), else truncated.
  void scale(const Scaling& scaling, bool rounds, int threads);

  // From here on only after `scale`.
  // A window outside of which alpha is at most 1/255 of opaque, by the samples of the mask alone: it may be too large.
  Box reach() const;
  std::size_t scratch_bytes() const;
  // Rows [begin, end) of the result; the first of them goes to dst. Many threads may call it at once.
  void rows(std::int32_t begin, std::int32_t end, void* dst, std::ptrdiff_t stride, void* scratch) const;
  // Columns [left, right) of them.
  void part(std::int32_t left, std::int32_t right, std::int32_t begin, std::int32_t end, void* dst,
            std::ptrdiff_t stride, void* scratch) const;
  // The same rows, blended with the first rows of `mix`: many threads may call it at once. Only where `fuses`.
  void cut(const kernels::Blend& mix, std::int32_t begin, std::int32_t end, void* scratch) const;
  // Whether mask and blend can be done in one, without an alpha between them: not by way of 8-bit levels.
  bool fuses() const { return level_columns_ == nullptr; }

 private:
  kernels::MinMax range_at_full_size(const MaskRange& range, int threads) const;
  void make_levels(int threads);

  std::shared_ptr<const MaskTable> columns_;  // these two, or the next two
  std::shared_ptr<const MaskTable> rows_;
  std::shared_ptr<const LevelTable> level_columns_;
  std::shared_ptr<const LevelTable> level_rows_;
  MaskResample resample_;
  kernels::ResizeMask job_;
  kernels::ResizeLevels level_job_{};
  Buffer levels_;  // the mask in 8 bits
};

}  // namespace rmbg
