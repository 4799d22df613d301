// resize_triangle: by columns first or by rows first.
#pragma once

#include "kernels/triangle_columns_first.hpp"
#include "kernels/triangle_rows_first.hpp"

namespace {

void resize_triangle(const ResizeTriangle& job, std::int32_t row_begin, std::int32_t row_end, void* scratch) {
  if (triangle_columns_first(job)) {
    TriangleColumnsFirst passes(job, scratch);
    for (std::int32_t y = row_begin; y < row_end; ++y) passes.row(y);
  } else {
    TriangleRowsFirst passes(job, scratch);
    for (std::int32_t y = row_begin; y < row_end; ++y) passes.row(y, row_end);
  }
}

}  // namespace
