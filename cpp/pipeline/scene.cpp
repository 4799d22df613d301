#include "pipeline/scene.hpp"

#include <cmath>
#include <cstdio>
#include <vector>

#include "core/parallel.hpp"
#include "pipeline/scaling.hpp"

namespace rmbg {
namespace {

constexpr float kAllSubject = 0.5f;  // a mask without contrast from here on is a picture full of subject

std::string number(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", static_cast<double>(value));
  return text;
}

void find_problem(Scene& scene, const SceneRule& rule) {
  const float lo = scene.range.lo;
  const float hi = scene.range.hi;
  const float contrast = hi - lo;
  scene.opaque = rule.empty_is_opaque;
  if (!(lo <= hi)) {
    scene.problem = "the mask has no finite value (all are NaN or infinite)";
  } else if (rule.minmax != MinMaxOrder::none && !std::isfinite(contrast)) {
    scene.problem = "the mask's values are too far apart for float32";
  } else if (hi < rule.empty_below) {
    scene.problem = "there is no subject in the picture (the largest alpha is " + number(hi) + ")";
  } else if (rule.minmax != MinMaxOrder::none && (contrast == 0.0f || contrast < rule.empty_below)) {
    scene.problem = "the mask is constant (its values lie between " + number(lo) + " and " + number(hi) + ")";
    scene.opaque = lo >= kAllSubject || rule.empty_is_opaque;
  }
}

double mean_alpha(const Mask& mask, const Scaling& scaling, int threads) {
  constexpr std::int32_t kLanes = 16;
  std::vector<double> rows(static_cast<std::size_t>(mask.height));
  parallel_rows(threads, mask.height, [&](std::int32_t begin, std::int32_t end) {
    for (std::int32_t y = begin; y < end; ++y) {
      const float* row = mask.data + static_cast<std::ptrdiff_t>(y) * mask.width;
      float sums[kLanes] = {};
      const auto add = [&](std::int32_t lane, float v) {
        const float q = (v - scaling.lo) * scaling.gain;
        const float positive = q > 0.0f ? q : 0.0f;
        sums[lane] += positive < 1.0f ? positive : 1.0f;
      };
      std::int32_t x = 0;
      for (; x + kLanes <= mask.width; x += kLanes) {
        for (std::int32_t lane = 0; lane < kLanes; ++lane) add(lane, row[x + lane]);
      }
      for (; x < mask.width; ++x) add(0, row[x]);
      for (const float sum : sums) rows[static_cast<std::size_t>(y)] += static_cast<double>(sum);
    }
  });
  double total = 0.0;
  for (const double sum : rows) total += sum;
  return total / (static_cast<double>(mask.width) * static_cast<double>(mask.height));
}

}  // namespace

Scene judge(const Mask& mask, const kernels::MinMax& range, const SceneRule& rule, int threads) {
  return judge(range, rule, [&](const Scaling& scaling) { return mean_alpha(mask, scaling, threads); });
}

Scene judge(const kernels::MinMax& range, const SceneRule& rule,
            const std::function<double(const Scaling&)>& mean_alpha) {
  Scene scene{};
  scene.range = range;
  find_problem(scene, rule);
  scene.coverage =
      !scene.problem.empty() ? (scene.opaque ? 1.0 : 0.0) : mean_alpha(scaling_of(scene.range, rule.minmax, 1.0f));
  return scene;
}

}  // namespace rmbg
