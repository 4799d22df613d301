// A model's mask, its range, and what takes its values to alpha.
#pragma once

#include <cstdint>

#include "kernels/kernels.hpp"

namespace rmbg {

struct Mask {
  const float* data;  // height * width, packed
  std::int32_t width;
  std::int32_t height;
};

// What takes a mask's values to 0..top: (v - lo) * gain.
struct Scaling {
  float lo;
  float gain;
};

kernels::MinMax minmax(const Mask& mask, int threads);

// The whole range `lo`..`hi` -> 0..top; the gain is the smallest with which `hi` really reaches top in float32, for a
// truncation would make 254 of an opaque pixel otherwise. Throws Error(model_output): no finite value, or one value
// only.
Scaling stretch(const kernels::MinMax& range, float top);
// Values are on 0..1 already.
inline Scaling unit(float top) { return {0.0f, top}; }

float top_of(kernels::MaskType type);

}  // namespace rmbg
