// A picture of any size -> the tensor that a model reads.
#pragma once

#include "core/image.hpp"
#include "kernels/kernels.hpp"

namespace rmbg {

// bilinear: 2 taps, no antialias, half-pixel or top-left centres; triangle: antialiased, one rounding at the end;
// pillow_*: Pillow's 8-bit resampler, bit for bit.
enum class Resample { bilinear, bilinear_topleft, triangle, pillow_bilinear, pillow_bicubic, pillow_lanczos };

// Fills `planes` (its dst, size, scale, bias, rounding and half) from `image`; pillow_* are whole levels, whatever the
// rounding. 16-bit samples are first brought to 8 bits, rounded. Throws Error: image (empty), image_too_large, option
// (planes wider than kMaxModelSide).
void preprocess(const ImageView& image, Resample resample, bool bgr, const kernels::NormalizedPlanes& planes,
                int threads);

// The largest value of the resized picture on the 0..255 scale, 255 for a black one: what U2-Net's own code divides by.
// `planes` says the size and the rounding; the rest of it is not read. Throws as preprocess does.
double largest_value(const ImageView& image, Resample resample, const kernels::NormalizedPlanes& planes, int threads);

// Throws Error: image for an empty picture, image_too_large beyond kMaxSide.
void check_size(std::int64_t width, std::int64_t height);

}  // namespace rmbg
