// cutout: a few hundred pixels at a time, so that the alpha never leaves the first-level cache and the picture is
// fetched while the mask is computed.
#pragma once

#include "kernels/body_blend.hpp"
#include "kernels/body_resize_mask.hpp"
#include "kernels/kernels.hpp"

namespace {

using namespace rmbg::kernels;

template <typename T>
inline void cutout_rows(const ResizeMask& mask, const Blend& mix, std::int32_t row_begin, std::int32_t row_end,
                        void* scratch) {
  constexpr std::int32_t kPixels = 256;
  constexpr float kTop = static_cast<T>(~T{0});
  mask_rows(mask, row_begin, row_end, scratch, [&](std::int32_t y, auto value) {
    T alpha[kPixels];
    for (std::int32_t x = 0; x < mask.width; x += kPixels) {
      const std::int32_t end = mask.width - x < kPixels ? mask.width : x + kPixels;
      mask_quantise(mask, kTop, x, end, alpha, value);
      blend_row(mix, y, reinterpret_cast<const char*>(alpha), x, end);
    }
  });
}

void cutout(const ResizeMask& mask, const Blend& mix, std::int32_t row_begin, std::int32_t row_end, void* scratch) {
  if (mix.wide) {
    cutout_rows<std::uint16_t>(mask, mix, row_begin, row_end, scratch);
  } else {
    cutout_rows<std::uint8_t>(mask, mix, row_begin, row_end, scratch);
  }
}

}  // namespace
