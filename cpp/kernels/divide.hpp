// Exact divisions by 255 and 65535, rounded to nearest. With h half of 2^b, and t = p + h: round(p / (2^b - 1)) is
// (t + (t >> b)) >> b.
#pragma once

#include <cstdint>

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace {

// A product of two samples by the largest sample.
template <typename T>
inline std::uint32_t divide_by_top(std::uint32_t product) {
  constexpr int kBits = 8 * sizeof(T);
  const std::uint32_t t = product + (1u << (kBits - 1));
  return (t + (t >> kBits)) >> kBits;
}

#ifdef __AVX2__
inline __m256i divide_by_255(__m256i products) {
  const __m256i t = _mm256_add_epi16(products, _mm256_set1_epi16(128));
  return _mm256_srli_epi16(_mm256_add_epi16(t, _mm256_srli_epi16(t, 8)), 8);
}
#endif

}  // namespace
