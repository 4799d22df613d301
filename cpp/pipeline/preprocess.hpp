// A picture of any size -> the tensor that a model reads.
#pragma once

#include "core/image.hpp"
#include "kernels/kernels.hpp"
#include "pipeline/tables.hpp"
#include "pipeline/types.hpp"

namespace rmbg {

// Fills `planes` (its dst, size, scale, bias, rounding and half) from `image`; pillow_* are whole levels, whatever the
// rounding. 16-bit samples are first brought to 8 bits, rounded. Sides of `planes` are at most kMaxModelSide.
void preprocess(const ImageView& image, Resample resample, bool bgr, const kernels::NormalizedPlanes& planes,
                Tables& tables, int threads);

// What a whole sample is worth where the picture is divided by its own largest one: the largest value of the resized
// picture on the 0..255 scale, 255 for a black one (U2-Net's own code). `planes` says the size and the rounding; the
// rest of it is not read.
double largest_value(const ImageView& image, Resample resample, const kernels::NormalizedPlanes& planes, Tables& tables,
                     int threads);

}  // namespace rmbg
