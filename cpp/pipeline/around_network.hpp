// What a recipe says is done before and after the network. Knows no runtime.
#pragma once

#include "core/image.hpp"
#include "pipeline/mask_resizer.hpp"
#include "pipeline/recipe.hpp"
#include "pipeline/scene.hpp"
#include "pipeline/tables.hpp"
#include "pipeline/types.hpp"

namespace rmbg {

// The picture as the network's input at `dst`, float16 with `half`.
void fill_input(const Recipe& recipe, const ImageView& image, const PlaneSize& size, bool half, Tables& tables,
                int threads, void* dst);

struct AlphaSize {
  std::int32_t width;
  std::int32_t height;
  kernels::MaskType type;
};

// What the network's mask becomes at the picture's size. `values` are the mask's own memory, which is written to: a
// sigmoid that the graph leaves to us, and one value everywhere where there is no subject. Throws Error(model_output)
// where there is none and `strict` says that this is an error.
MaskResizer finish_mask(const Recipe& recipe, float* values, const Mask& mask, const AlphaSize& size, bool strict,
                        Tables& tables, int threads, Scene& scene);

}  // namespace rmbg
