#include "pipeline/mask_resizer.hpp"

#include <algorithm>
#include <limits>
#include <mutex>
#include <optional>
#include <vector>

#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"
#include "pipeline/tables.hpp"

namespace rmbg {
namespace {

using kernels::MinMax;

constexpr MinMax kNothing{std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};

void widen(MinMax& range, const MinMax& other) { range = {std::min(range.lo, other.lo), std::max(range.hi, other.hi)}; }

std::optional<Filter> level_filter(MaskResample resample) {
  switch (resample) {
    case MaskResample::pillow_bilinear:
      return Filter::triangle;
    case MaskResample::pillow_bicubic:
      return Filter::bicubic;
    case MaskResample::pillow_lanczos:
      return Filter::lanczos;
    default:
      return std::nullopt;
  }
}

kernels::ResizeMask mask_job(const Mask& mask, const MaskTable& columns, const MaskTable& rows, std::int32_t width,
                             std::int32_t height) {
  kernels::ResizeMask job{};
  job.src = mask.data;
  job.src_width = mask.width;
  job.src_height = mask.height;
  job.columns = columns.view();
  job.rows = rows.view();
  job.width = width;
  job.height = height;
  return job;
}

// The axis with output y as its first.
kernels::MaskAxis from(kernels::MaskAxis axis, std::int32_t y) {
  axis.first += y;
  if (axis.taps > 1) axis.weights += static_cast<std::ptrdiff_t>(y) * (axis.taps == 2 ? 1 : axis.taps);
  if (axis.taps > 2) axis.count += y;
  return axis;
}

kernels::LevelAxis from(kernels::LevelAxis axis, std::int32_t y) {
  axis.first += y;
  axis.count += y;
  axis.weights += static_cast<std::ptrdiff_t>(y) * axis.stride;
  axis.split += 2 * static_cast<std::ptrdiff_t>(y) * axis.stride;
  return axis;
}

std::vector<MinMax> ranges_of_rows(const Mask& mask, int threads) {
  std::vector<MinMax> ranges(static_cast<std::size_t>(mask.height));
  parallel_rows(threads, mask.height, [&](std::int32_t begin, std::int32_t end) {
    for (std::int32_t y = begin; y < end; ++y) {
      ranges[static_cast<std::size_t>(y)] = kernels::active().minmax(
          mask.data + static_cast<std::ptrdiff_t>(y) * mask.width, static_cast<std::size_t>(mask.width));
    }
  });
  return ranges;
}

// Rows of the result that lie between the same two rows of the mask, and the range of those two.
struct Cell {
  std::int32_t begin;
  std::int32_t end;
  MinMax bound;
};

std::vector<Cell> cells_of(const MaskTable& rows, const std::vector<MinMax>& ranges) {
  std::vector<Cell> cells;
  const auto out = static_cast<std::int32_t>(rows.first.size());
  for (std::int32_t y = 0; y < out;) {
    const auto first = static_cast<std::size_t>(rows.first[static_cast<std::size_t>(y)]);
    Cell cell{y, y, ranges[first]};
    if (rows.taps > 1 && first + 1 < ranges.size()) widen(cell.bound, ranges[first + 1]);
    while (cell.end < out && rows.first[static_cast<std::size_t>(cell.end)] == static_cast<std::int32_t>(first))
      ++cell.end;
    y = cell.end;
    cells.push_back(cell);
  }
  return cells;
}

}  // namespace

MaskResizer::MaskResizer(const Mask& mask, const MaskOptions& options, std::int32_t width, std::int32_t height,
                         kernels::MaskType type, int threads) {
  const std::optional<Filter> filter = level_filter(options.resample);
  by_levels_ = filter && type == kernels::MaskType::u8;
  if (!by_levels_) {
    columns_ = kept_mask(mask.width, width, options.resample);
    rows_ = kept_mask(mask.height, height, options.resample);
    job_ = mask_job(mask, *columns_, *rows_, width, height);
    job_.lo = options.scaling.lo;
    job_.gain = options.scaling.gain;
    // Sums of many taps miss a whole level by a rounding error: truncation would make 254 of an opaque plateau.
    job_.nearest = options.nearest || columns_->taps > 2;
    job_.type = type;
    return;
  }
  MaskOptions plain = options;
  plain.resample = MaskResample::nearest;
  const MaskResizer same(mask, plain, mask.width, mask.height, type, 1);
  levels_.reserve(static_cast<std::size_t>(mask.width) * static_cast<std::size_t>(mask.height));
  auto* levels = static_cast<std::uint8_t*>(levels_.data());
  parallel_rows(threads, mask.height, [&](std::int32_t begin, std::int32_t end) {
    Buffer scratch(same.scratch_bytes());
    same.rows(begin, end, levels + static_cast<std::ptrdiff_t>(begin) * mask.width, mask.width, scratch.data());
  });
  level_columns_ = kept_levels(mask.width, width, *filter);
  level_rows_ = kept_levels(mask.height, height, *filter);
  level_job_ = {levels, mask.width, mask.width, mask.height, 1, level_columns_->view(), level_rows_->view(), width,
                height, nullptr,    0};
}

std::size_t MaskResizer::scratch_bytes() const {
  return by_levels_ ? kernels::scratch_bytes(level_job_) : kernels::scratch_bytes(job_);
}

void MaskResizer::rows(std::int32_t begin, std::int32_t end, void* dst, std::ptrdiff_t stride, void* scratch) const {
  if (by_levels_) {
    kernels::ResizeLevels job = level_job_;
    job.rows = from(job.rows, begin);
    job.dst = static_cast<std::uint8_t*>(dst);
    job.dst_stride = stride;
    kernels::active().resize_levels(job, 0, end - begin, scratch);
    return;
  }
  kernels::ResizeMask job = job_;
  job.rows = from(job.rows, begin);
  job.dst = dst;
  job.dst_stride = stride;
  kernels::active().resize_mask(job, 0, end - begin, scratch);
}

void MaskResizer::cut(const kernels::Blend& mix, std::int32_t begin, std::int32_t end, void* scratch) const {
  kernels::ResizeMask job = job_;
  job.rows = from(job.rows, begin);
  kernels::active().cutout(job, mix, 0, end - begin, scratch);
}

MinMax resized_range(const Mask& mask, std::int32_t width, std::int32_t height, MaskResample resample, int threads) {
  const auto all_columns = kept_mask(mask.width, width, resample);
  const auto all_rows = kept_mask(mask.height, height, resample);
  MinMax range = kNothing;
  if (all_columns->taps > 2) {
    const kernels::ResizeMask job = mask_job(mask, *all_columns, *all_rows, width, height);
    std::mutex guard;
    parallel_rows(threads, height, [&](std::int32_t begin, std::int32_t end) {
      Buffer scratch(kernels::scratch_bytes(job));
      const MinMax band = kernels::active().resize_range(job, begin, end, scratch.data());
      const std::lock_guard lock(guard);
      widen(range, band);
    });
    return range;
  }
  const MaskTable columns = extremes(*all_columns);
  const MaskTable rows = extremes(*all_rows);
  const kernels::ResizeMask job = mask_job(mask, columns, rows, static_cast<std::int32_t>(columns.first.size()),
                                           static_cast<std::int32_t>(rows.first.size()));
  Buffer scratch(kernels::scratch_bytes(job));
  const std::vector<Cell> cells = cells_of(rows, ranges_of_rows(mask, threads));
  // Where the largest and the smallest sample lie the range is nearly found: most other cells cannot change it any
  // more.
  const auto look = [&](const Cell& cell) {
    if (cell.bound.hi <= range.hi && cell.bound.lo >= range.lo) return;
    widen(range, kernels::active().resize_range(job, cell.begin, cell.end, scratch.data()));
  };
  look(*std::max_element(cells.begin(), cells.end(),
                         [](const Cell& a, const Cell& b) { return a.bound.hi < b.bound.hi; }));
  look(*std::min_element(cells.begin(), cells.end(),
                         [](const Cell& a, const Cell& b) { return a.bound.lo < b.bound.lo; }));
  for (const Cell& cell : cells) look(cell);
  return range;
}

}  // namespace rmbg
