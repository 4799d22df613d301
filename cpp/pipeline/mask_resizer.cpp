#include "pipeline/mask_resizer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "core/mutex.hpp"
#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"
#include "pipeline/scaling.hpp"

namespace rmbg {
namespace {

using kernels::MinMax;

constexpr std::int32_t kMany = 3;  // taps of an axis that says for each output how many there are

constexpr MinMax kNothing{std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};

void widen(MinMax& range, const MinMax& other) { range = {std::min(range.lo, other.lo), std::max(range.hi, other.hi)}; }

kernels::ResizeMask mask_job(const Mask& mask, std::int32_t width, std::int32_t height) {
  kernels::ResizeMask job{};
  job.src = mask.data;
  job.src_width = mask.width;
  job.src_height = mask.height;
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

struct Span {
  std::int32_t begin;
  std::int32_t end;
};

// The outputs of an axis that any of these samples is a part of.
Span touched(const std::vector<std::int32_t>& first, const std::vector<std::int32_t>& count, std::int32_t taps,
             Span samples) {
  const auto at = [&](std::int32_t i) { return first[static_cast<std::size_t>(i)]; };
  const auto after = [&](std::int32_t i) { return at(i) + (taps > 2 ? count[static_cast<std::size_t>(i)] : taps); };
  Span outputs{0, static_cast<std::int32_t>(first.size())};
  while (outputs.begin < outputs.end && after(outputs.begin) <= samples.begin) ++outputs.begin;
  while (outputs.begin < outputs.end && at(outputs.end - 1) >= samples.end) --outputs.end;
  return outputs;
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

MaskResizer::MaskResizer(Tables& tables, const Mask& mask, MaskResample resample, std::int32_t width,
                         std::int32_t height, kernels::MaskType type)
    : resample_(resample), job_(mask_job(mask, width, height)) {
  job_.type = type;
  const std::optional<Filter> filter = level_filter(resample);
  if (filter && type == kernels::MaskType::u8) {
    level_columns_ = tables.levels(mask.width, width, *filter);
    level_rows_ = tables.levels(mask.height, height, *filter);
  } else {
    columns_ = tables.mask(mask.width, width, resample);
    rows_ = tables.mask(mask.height, height, resample);
    job_.columns = columns_->view();
    job_.rows = rows_->view();
  }
}

MinMax MaskResizer::range(const MaskRange& range, MinMaxOrder order, int threads) const {
  return order == MinMaxOrder::after ? range_at_full_size(range, threads) : range.whole;
}

void MaskResizer::scale(const Scaling& scaling, bool rounds, int threads) {
  job_.lo = scaling.lo;
  job_.gain = scaling.gain;
  // Sums of many taps miss a whole level by a rounding error: truncation would make 254 of an opaque plateau.
  job_.nearest = rounds || (fuses() && columns_->taps > 2);
  if (!fuses()) make_levels(threads);
}

void MaskResizer::make_levels(int threads) {
  const std::int32_t width = job_.src_width;
  const std::int32_t height = job_.src_height;
  levels_.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  auto* const levels = static_cast<std::uint8_t*>(levels_.data());
  const MaskTable columns = mask_table(width, width, MaskResample::nearest);
  const MaskTable rows = mask_table(height, height, MaskResample::nearest);
  kernels::ResizeMask same = job_;
  same.columns = columns.view();
  same.rows = rows.view();
  same.width = width;
  same.height = height;
  same.dst = levels;
  same.dst_stride = width;
  parallel_rows(threads, height, [&](std::int32_t begin, std::int32_t end) {
    Buffer scratch(kernels::scratch_bytes(same));
    kernels::active().resize_mask(same, begin, end, scratch.data());
  });
  level_job_ = {levels,     width,       width,   height, 1, level_columns_->view(), level_rows_->view(),
                job_.width, job_.height, nullptr, 0};
}

Box MaskResizer::reach() const {
  // The weights of a filter with negative lobes add up to less than 1.6 in size, over both axes.
  const float faint = 0.4f / 255.0f * top_of(job_.type) / job_.gain;
  const std::int32_t width = job_.src_width;
  Span columns{width, 0};
  Span rows{job_.src_height, 0};
  for (std::int32_t y = 0; y < job_.src_height; ++y) {
    const float* row = job_.src + static_cast<std::ptrdiff_t>(y) * width;
    const auto strength = [this](float value) { return std::fabs(value - job_.lo); };
    float most = 0;
    for (std::int32_t x = 0; x < width; ++x) most = strength(row[x]) > most ? strength(row[x]) : most;
    if (most <= faint) continue;
    rows = {std::min(rows.begin, y), y + 1};
    const auto shows = [&](float value) { return strength(value) > faint; };
    columns.begin = static_cast<std::int32_t>(std::find_if(row, row + columns.begin, shows) - row);
    std::int32_t last = width;
    while (last > columns.end && !shows(row[last - 1])) --last;
    columns.end = last;
  }
  if (fuses()) {
    columns = touched(columns_->first, columns_->count, columns_->taps, columns);
    rows = touched(rows_->first, rows_->count, rows_->taps, rows);
  } else {
    columns = touched(level_columns_->first, level_columns_->count, kMany, columns);
    rows = touched(level_rows_->first, level_rows_->count, kMany, rows);
  }
  return {columns.begin, rows.begin, columns.end, rows.end};
}

std::size_t MaskResizer::scratch_bytes() const {
  return fuses() ? kernels::scratch_bytes(job_) : kernels::scratch_bytes(level_job_);
}

void MaskResizer::rows(std::int32_t begin, std::int32_t end, void* dst, std::ptrdiff_t stride, void* scratch) const {
  part(0, job_.width, begin, end, dst, stride, scratch);
}

void MaskResizer::part(std::int32_t left, std::int32_t right, std::int32_t begin, std::int32_t end, void* dst,
                       std::ptrdiff_t stride, void* scratch) const {
  if (!fuses()) {
    kernels::ResizeLevels job = level_job_;
    job.columns = from(job.columns, left);
    job.rows = from(job.rows, begin);
    job.width = right - left;
    job.dst = static_cast<std::uint8_t*>(dst);
    job.dst_stride = stride;
    kernels::active().resize_levels(job, 0, end - begin, scratch);
    return;
  }
  kernels::ResizeMask job = job_;
  job.columns = from(job.columns, left);
  job.rows = from(job.rows, begin);
  job.width = right - left;
  job.dst = dst;
  job.dst_stride = stride;
  kernels::active().resize_mask(job, 0, end - begin, scratch);
}

void MaskResizer::cut(const kernels::Blend& mix, std::int32_t begin, std::int32_t end, void* scratch) const {
  kernels::ResizeMask job = job_;
  job.rows = from(job.rows, begin);
  kernels::active().cutout(job, mix, 0, end - begin, scratch);
}

MinMax MaskResizer::range_at_full_size(const MaskRange& range, int threads) const {
  MinMax found = kNothing;
  kernels::ResizeMask job = job_;
  if (!fuses() || columns_->taps > 2) {
    std::optional<MaskTable> columns, rows;  // of the filter in float, whose range a mask by way of levels is given
    if (!fuses()) {
      job.columns = columns.emplace(mask_table(job.src_width, job.width, resample_)).view();
      job.rows = rows.emplace(mask_table(job.src_height, job.height, resample_)).view();
    }
    Mutex guard;
    parallel_rows(threads, job.height, [&](std::int32_t begin, std::int32_t end) {
      Buffer scratch(kernels::scratch_bytes(job));
      const MinMax band = kernels::active().resize_range(job, begin, end, scratch.data());
      const std::lock_guard lock(guard);
      widen(found, band);
    });
    return found;
  }
  const MaskTable columns = extremes(*columns_);
  const MaskTable rows = extremes(*rows_);
  job.columns = columns.view();
  job.rows = rows.view();
  job.width = static_cast<std::int32_t>(columns.first.size());
  job.height = static_cast<std::int32_t>(rows.first.size());
  Buffer scratch(kernels::scratch_bytes(job));
  const std::vector<Cell> cells = cells_of(rows, range.rows);
  // Where the largest and the smallest sample lie the range is nearly found: most other cells cannot change it any
  // more.
  const auto look = [&](const Cell& cell) {
    if (cell.bound.hi <= found.hi && cell.bound.lo >= found.lo) return;
    widen(found, kernels::active().resize_range(job, cell.begin, cell.end, scratch.data()));
  };
  look(*std::max_element(cells.begin(), cells.end(),
                         [](const Cell& a, const Cell& b) { return a.bound.hi < b.bound.hi; }));
  look(*std::min_element(cells.begin(), cells.end(),
                         [](const Cell& a, const Cell& b) { return a.bound.lo < b.bound.lo; }));
  for (const Cell& cell : cells) look(cell);
  return found;
}

}  // namespace rmbg
