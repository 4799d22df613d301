// Whether a model's mask shows a subject at all.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "kernels/kernels.hpp"
#include "pipeline/subject_box.hpp"
#include "pipeline/types.hpp"

namespace rmbg {

struct SceneRule {
  MinMaxOrder minmax;
  float empty_below;  // the largest alpha of a mask without a subject; with min-max also the least contrast of one with
                      // a subject
  bool empty_is_opaque;  // what a picture without a subject gives: all of it, or nothing
};

struct Scene {
  kernels::MinMax range;   // of the finite values: of the mask, or of the resized mask with MinMaxOrder::after
  std::string problem;     // why there is no subject; empty where there is one
  bool opaque;             // with a problem: alpha is 1 everywhere, else 0
  double coverage;         // mean alpha, 0..1, over the mask's own plane; NaN counts as 0
  std::optional<Box> box;  // of the subject in the picture
};

// `range`: as MaskResizer::range gives it for rule.minmax.
Scene judge(const Mask& mask, const kernels::MinMax& range, const SceneRule& rule, int threads);
// The same of a mask that lies elsewhere: `mean_alpha` is asked for its mean alpha where there is a subject.
Scene judge(const kernels::MinMax& range, const SceneRule& rule,
            const std::function<double(const Scaling&)>& mean_alpha);

}  // namespace rmbg
