// A model's mask and the picture -> the cut-out: min-max, resize and blend, each alone and all fused by row bands.
#pragma once

#include "core/image.hpp"
#include "kernels/kernels.hpp"
#include "pipeline/mask_resizer.hpp"

namespace rmbg {

kernels::MinMax minmax(const Mask& mask, int threads);

// Throws Error(model_output) for the range of a mask without any finite value.
void check_finite(const kernels::MinMax& range);

// The whole range `lo`..`hi` -> 0..top; the gain is the smallest with which `hi` really reaches top in float32, for a
// truncation would make 254 of an opaque pixel otherwise. Throws Error(model_output): no finite value, or one value
// only.
Scaling stretch(const kernels::MinMax& range, float top);
// Values are on 0..1 already.
inline Scaling unit(float top) { return {0.0f, top}; }

float top_of(kernels::MaskType type);

// dst: `height` rows of `width` samples of `type`, `stride` bytes apart.
struct Plane {
  void* data;
  std::int32_t width;
  std::int32_t height;
  std::ptrdiff_t stride;
  kernels::MaskType type;
};

void resize_mask(const Mask& mask, const MaskOptions& options, const Plane& dst, int threads);

struct BlendOptions {
  kernels::BlendMode mode = kernels::BlendMode::straight;
  std::int32_t threshold = 0;               // in the picture's samples, 0: none
  std::uint16_t background[3] = {0, 0, 0};  // in the picture's samples
};

// alpha: the picture's size and sample width. dst: 4 channels, 3 with BlendMode::over.
void blend(const ImageView& image, const Plane& alpha, const BlendOptions& options, const MutableImageView& dst,
           int threads);

// resize_mask to the picture's size and samples, then blend, without ever holding the whole alpha plane.
void cutout(const ImageView& image, const Mask& mask, const MaskOptions& mask_options, const BlendOptions& options,
            const MutableImageView& dst, int threads);

}  // namespace rmbg
