// What takes a mask's values to alpha.
#pragma once

#include "kernels/kernels.hpp"
#include "pipeline/types.hpp"

namespace rmbg {

// The whole range `lo`..`hi` -> 0..top; the gain is the smallest with which `hi` really reaches top in float32, for a
// truncation would make 254 of an opaque pixel otherwise. Throws Error(model_output): no finite value, or one value
// only.
Scaling stretch(const kernels::MinMax& range, float top);

// Values are on 0..1 already.
inline Scaling unit(float top) { return {0.0f, top}; }

// That range stretched to 0..top, or with MinMaxOrder::none the values as they are. Throws as `stretch` does.
inline Scaling scaling_of(const kernels::MinMax& range, MinMaxOrder order, float top) {
  return order == MinMaxOrder::none ? unit(top) : stretch(range, top);
}

float top_of(kernels::MaskType type);

}  // namespace rmbg
