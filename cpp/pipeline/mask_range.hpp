// The first pass over a model's mask: its values' range, row by row, and before that the sigmoid where the model leaves
// it to us.
#pragma once

#include <vector>

#include "kernels/kernels.hpp"
#include "pipeline/types.hpp"

namespace rmbg {

// Of the finite values.
struct MaskRange {
  std::vector<kernels::MinMax> rows;
  kernels::MinMax whole;
};

MaskRange range_of(const Mask& mask, int threads);

// 1 / (1 + e^-v) of every value of `mask`, to `dst`, which may be the mask's own memory; and the range of what it
// wrote.
MaskRange write_sigmoid(const Mask& mask, float* dst, int threads);

}  // namespace rmbg
