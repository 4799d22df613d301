// cutout: eight pixels at a time with AVX2, a few hundred elsewhere, so that the alpha never leaves the registers or the
// first-level cache and the picture is fetched while the mask is computed.
#pragma once

#include "kernels/body_blend.hpp"
#include "kernels/body_resize_mask.hpp"
#include "kernels/kernels.hpp"

namespace {

using namespace rmbg::kernels;

template <typename T, typename Value>
inline void cutout_columns(const ResizeMask& mask, const Blend& mix, std::int32_t y, Value value, std::int32_t begin) {
  constexpr std::int32_t kPixels = 256;
  constexpr float kTop = static_cast<T>(~T{0});
  T alpha[kPixels];
  for (std::int32_t x = begin; x < mask.width; x += kPixels) {
    const std::int32_t end = mask.width - x < kPixels ? mask.width : x + kPixels;
    mask_quantise(mask, kTop, x, end, alpha, value);
    blend_row(mix, y, alpha, x, end);
  }
}

#if defined(__AVX2__) && !defined(__AVX512F__)
// The whole way of eight pixels in registers: the alpha is not even packed. Gives how far it came.
template <typename Value>
inline std::int32_t cutout_eights(const ResizeMask& mask, const Blend& mix, std::int32_t y, Value value) {
  const MaskLevels8 levels(mask, 255.0f);
  const BlendRow<std::uint8_t> row(mix, y);
  std::int32_t done = 0;
  with_kind(mix, [&](auto kind) {
    using Kind = decltype(kind);
    done = blend_eights<Kind::kChannels, Kind::kMode, Kind::kPicture>(
        mix, row.src, row.behind, row.dst, 0, mask.width, [&](std::int32_t x) { return levels(value.eight(x)); });
  });
  return done;
}
#endif

template <typename T>
inline void cutout_rows(const ResizeMask& mask, const Blend& mix, std::int32_t row_begin, std::int32_t row_end,
                        void* scratch) {
  mask_rows(mask, row_begin, row_end, scratch, [&](std::int32_t y, auto value) {
    std::int32_t done = 0;
#if defined(__AVX2__) && !defined(__AVX512F__)
    if constexpr (sizeof(T) == 1) done = cutout_eights(mask, mix, y, value);
#endif
    cutout_columns<T>(mask, mix, y, value, done);
  });
  end_stream(mix.stream);
}

void cutout(const ResizeMask& mask, const Blend& mix, std::int32_t row_begin, std::int32_t row_end, void* scratch) {
  if (mix.wide) {
    cutout_rows<std::uint16_t>(mask, mix, row_begin, row_end, scratch);
  } else {
    cutout_rows<std::uint8_t>(mask, mix, row_begin, row_end, scratch);
  }
}

}  // namespace
