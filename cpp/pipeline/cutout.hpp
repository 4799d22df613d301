// The mask at the image's size, and the picture cut out with it: each alone, and fused by row bands.
#pragma once

#include "core/image.hpp"
#include "pipeline/mask_resizer.hpp"
#include "pipeline/types.hpp"

namespace rmbg {

// The kernel's job, but for the alpha.
kernels::Blend blend_job(const ImageView& image, const BlendOptions& options, const MutableImageView& dst);

// The rows of the alpha that a scaled resizer makes, from `top` on, of its width and type.
void resize_mask(const MaskResizer& alpha, const Plane& dst, int threads, std::int32_t top = 0);

// alpha: the picture's size and sample width. dst: 4 channels, 3 with BlendMode::over.
void blend(const ImageView& image, const Plane& alpha, const BlendOptions& options, const MutableImageView& dst,
           int threads);

// resize_mask to the picture's size and samples, then blend, without ever holding the whole alpha plane.
void cutout(const ImageView& image, const MaskResizer& alpha, const BlendOptions& options, const MutableImageView& dst,
            int threads);

}  // namespace rmbg
