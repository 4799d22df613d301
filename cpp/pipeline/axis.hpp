// The tables that tell a kernel which samples of one axis an output sample is made of, and with what weights.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernels.hpp"

namespace rmbg {

enum class MaskResample { bilinear, bicubic, nearest };

constexpr std::int32_t kMaxModelSide = 16383;  // 2 * side must fit the 16-bit weights of kernels::BilinearAxis

struct BilinearTable {
  std::vector<std::int32_t> first;
  std::vector<std::int16_t> weight;
  std::int32_t denominator;
  kernels::BilinearAxis view() const { return {first.data(), weight.data(), denominator}; }
};

struct FilterTable {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  std::vector<std::int16_t> weights;
  std::int32_t stride;
  kernels::FilterAxis view() const { return {first.data(), count.data(), weights.data(), stride}; }
};

struct MaskTable {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  std::vector<float> weights;
  std::int32_t taps;
  kernels::MaskAxis view() const { return {first.data(), count.data(), weights.data(), taps}; }
};

// All take sizes from 1 on; out <= kMaxModelSide for the first two.
BilinearTable bilinear_table(std::int32_t in, std::int32_t out);
// Triangle filter, widened when shrinking: Pillow's BILINEAR. Running sums are rounded to Q14, so that each row sums to 16384 exactly.
FilterTable triangle_table(std::int32_t in, std::int32_t out);
// bilinear: 2 taps, half-pixel centres, no antialias. bicubic: a = -1/2, widened when shrinking (Pillow's BICUBIC).
// nearest: the sample under the output's centre, floor((d + 1/2) * in / out).
MaskTable mask_table(std::int32_t in, std::int32_t out, MaskResample resample);

}  // namespace rmbg
