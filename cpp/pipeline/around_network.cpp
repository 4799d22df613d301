#include "pipeline/around_network.hpp"

#include <algorithm>
#include <cstddef>

#include "core/error.hpp"
#include "pipeline/mask_range.hpp"
#include "pipeline/preprocess.hpp"
#include "pipeline/scaling.hpp"

namespace rmbg {

void fill_input(const Recipe& recipe, const ImageView& image, const PlaneSize& size, bool half, Tables& tables,
                int threads, void* dst) {
  kernels::NormalizedPlanes planes = input_planes(recipe, size, half, dst);
  if (recipe.divide_by_max) {
    normalize(recipe, largest_value(image, recipe.resample, planes, tables, threads), planes);
  }
  preprocess(image, recipe.resample, false, planes, tables, threads);
}

MaskResizer finish_mask(const Recipe& recipe, float* values, const Mask& mask, const AlphaSize& size, bool strict,
                        Tables& tables, int threads, Scene& scene) {
  const MaskRange range = recipe.sigmoid ? write_sigmoid(mask, values, threads) : range_of(mask, threads);
  MaskResizer alpha(tables, mask, recipe.mask_resample, size.width, size.height, size.type);
  const SceneRule rule{recipe.minmax, recipe.empty_below, recipe.empty_is_opaque};
  scene = judge(mask, alpha.range(range, recipe.minmax, threads), rule, threads);
  const float top = top_of(size.type);
  if (scene.problem.empty()) {
    alpha.scale(scaling_of(scene.range, recipe.minmax, top), recipe.mask_nearest, threads);
    scene.box = subject_box(alpha);
    return alpha;
  }
  if (strict) fail(ErrorKind::model_output, scene.problem);
  if (scene.opaque) scene.box = Box{0, 0, size.width, size.height};
  const std::size_t count = static_cast<std::size_t>(mask.width) * static_cast<std::size_t>(mask.height);
  std::fill_n(values, count, scene.opaque ? 1.0f : 0.0f);
  MaskResizer flat(tables, mask, MaskResample::nearest, size.width, size.height, size.type);
  flat.scale(unit(top), true, threads);
  return flat;
}

}  // namespace rmbg
