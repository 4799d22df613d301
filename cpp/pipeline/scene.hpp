// Whether a model's mask shows a subject at all, and what takes its values to alpha.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/kernels.hpp"
#include "pipeline/mask_resizer.hpp"

namespace rmbg {

// When the mask is stretched to its own range: never, before or after it is resized to the image.
enum class MinMaxOrder { none, before, after };

struct SceneRule {
  MinMaxOrder minmax;
  MaskResample resample;  // of the mask, for MinMaxOrder::after
  float empty_below;  // the largest alpha of a mask without a subject; with min-max also the least contrast of one with
                      // a subject
  bool empty_is_opaque;  // what a picture without a subject gives: all of it, or nothing
};

struct Scene {
  kernels::MinMax range;  // of the finite values: of the mask, or of the resized mask with MinMaxOrder::after
  std::string problem;    // why there is no subject; empty where there is one
  bool opaque;            // with a problem: alpha is 1 everywhere, else 0
  double coverage;        // mean alpha, 0..1, over the mask's own plane; NaN counts as 0
};

// `width` and `height` are the image's.
Scene judge(const Mask& mask, const SceneRule& rule, std::int32_t width, std::int32_t height, int threads);

// The range of the mask, or with MinMaxOrder::after of the mask resized to the image.
kernels::MinMax range_of(const Mask& mask, MinMaxOrder minmax, MaskResample resample, std::int32_t width,
                         std::int32_t height, int threads);

// That range stretched to 0..top, or with MinMaxOrder::none the values as they are. Throws as `stretch` does.
Scaling scaling_of(const kernels::MinMax& range, MinMaxOrder minmax, float top);

}  // namespace rmbg
