// resize_triangle: sums of one output row, by columns first or by rows first, then normalised and written.
#pragma once

#include "kernels/triangle_columns_first.hpp"
#include "kernels/triangle_rows_first.hpp"

namespace {

inline void triangle_write(const ResizeTriangle& job, std::int32_t y, const std::int32_t* sums) {
  const std::int32_t half = job.out.rounding == Rounding::nearest ? 1 << 20 : 0;
  for (std::int32_t c = 0; c < 3; ++c) {
    const std::int32_t* __restrict from =
        sums + source_plane(job.src, c) * static_cast<std::ptrdiff_t>(padded_width(job.out.width));
    const float scale = job.out.scale[c];
    const float bias = job.out.bias[c];
    if (job.out.rounding == Rounding::none) {
      const float gain = scale * 0x1p-21f;
      write_row(job.out, c, y, [=](std::int32_t begin, std::int32_t n, float* __restrict to) {
        for (std::int32_t x = 0; x < n; ++x) to[x] = static_cast<float>(from[begin + x]) * gain + bias;
      });
    } else {
      write_row(job.out, c, y, [=](std::int32_t begin, std::int32_t n, float* __restrict to) {
        for (std::int32_t x = 0; x < n; ++x) {
          to[x] = static_cast<float>((from[begin + x] + half) >> 21) * scale + bias;
        }
      });
    }
  }
}

void resize_triangle(const ResizeTriangle& job, std::int32_t row_begin, std::int32_t row_end, void* scratch) {
  if (triangle_columns_first(job)) {
    TriangleColumnsFirst passes(job, scratch);
    for (std::int32_t y = row_begin; y < row_end; ++y) triangle_write(job, y, passes.row(y));
  } else {
    TriangleRowsFirst passes(job, scratch);
    for (std::int32_t y = row_begin; y < row_end; ++y) triangle_write(job, y, passes.row(y));
  }
}

}  // namespace
