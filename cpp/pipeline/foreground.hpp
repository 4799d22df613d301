// The subject's own colour at soft edges: kernels::EstimateForeground on whole pictures.
#pragma once

#include <cstdint>

#include "core/image.hpp"
#include "pipeline/cutout.hpp"

namespace rmbg {

constexpr std::int32_t kMaxForegroundRadius = 90;  // a box of 181 x 181 products of 8 bits fits 31 bits

// Of the three fusions: the first should reach from soft pixels to opaque ones, the others refine what it found.
struct ForegroundRadii {
  std::int32_t coarse = 45;
  std::int32_t middle = 12;
  std::int32_t fine = 3;
};

// alpha and dst: the picture's size and samples; dst has 3 channels. `alpha` is what the result will be shown with: a
// picture's own must be in it already. Each thread takes scratch of some columns and rows, never of the whole picture:
// 0.8 MB for 4000 columns of 8 bits, twice that for 16.
void estimate_foreground(const ImageView& image, const Plane& alpha, const ForegroundRadii& radii,
                         const MutableImageView& dst, int threads);

// `cutout` with the subject's own colours: the whole alpha and the whole estimated picture are held meanwhile.
void cutout_estimated(const ImageView& image, const MaskResizer& alpha, const BlendOptions& options,
                      const MutableImageView& dst, int threads);

}  // namespace rmbg
