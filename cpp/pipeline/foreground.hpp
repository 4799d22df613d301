// The subject's own colour at soft edges: kernels::EstimateForeground on whole pictures.
#pragma once

#include <cstdint>

#include "core/image.hpp"
#include "pipeline/cutout.hpp"

namespace rmbg {

constexpr std::int32_t kMaxForegroundRadius = 90;  // a box of 181 x 181 products of 8 bits fits 31 bits

struct ForegroundRadii {
  std::int32_t first = 45;
  std::int32_t second = 3;
};

// alpha and dst: the picture's size and samples; dst has 3 channels. `alpha` is what the result will be shown with: a
// picture's own must be in it already. Each thread takes width * (8 * second + 84) bytes and a little for 8-bit
// samples, twice that for 16-bit ones.
void estimate_foreground(const ImageView& image, const Plane& alpha, const ForegroundRadii& radii,
                         const MutableImageView& dst, int threads);

}  // namespace rmbg
