// What "correct" means for a model, and the tensors that follow from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/kernels.hpp"
#include "pipeline/types.hpp"

namespace rmbg {

// The fields are those of ModelSpec in models/spec.py.
struct Recipe {
  std::int32_t height;
  std::int32_t width;
  std::int32_t dynamic;  // not 0: the picture's own sides, cut down to multiples of this, at most height x width
  Resample resample;
  kernels::Rounding rounding;
  bool divide_by_max;  // by the resized picture's largest sample instead of 255
  double mean[3];
  double std[3];
  bool sigmoid;
  MinMaxOrder minmax;
  MaskResample mask_resample;
  bool mask_nearest;
  float empty_below;
  bool empty_is_opaque;
};

struct PlaneSize {
  std::int32_t height;
  std::int32_t width;
};

// Throws Error(model) where the graph's input of this name and shape cannot take the recipe's tensor.
void check_input(const std::string& name, const std::vector<std::int64_t>& shape, const Recipe& recipe);

// What the network gets for a picture of this size.
PlaneSize input_size(const Recipe& recipe, std::int32_t width, std::int32_t height);

// The input at `dst`, float16 with `half`; scale and bias are those of a picture whose whole sample is 255.
kernels::NormalizedPlanes input_planes(const Recipe& recipe, const PlaneSize& size, bool half, void* dst);
// The recipe's mean and std, for a picture whose whole sample is worth `white`.
void normalize(const Recipe& recipe, double white, kernels::NormalizedPlanes& planes);

// The mask that an output of this shape is. Throws Error(model) where it is none.
PlaneSize output_size(const std::vector<std::int64_t>& shape);

}  // namespace rmbg
