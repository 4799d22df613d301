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
// (t + (t >> 8)) >> 8 is t * 257 >> 16: what is cut off within the sum is less than its last bit.
inline __m256i divide_by_255(__m256i products) {
  const __m256i t = _mm256_add_epi16(products, _mm256_set1_epi16(128));
  return _mm256_mulhi_epu16(t, _mm256_set1_epi16(257));
}

// 32-bit numbers in two words.
struct Products {
  __m256i high;
  __m256i low;
};

inline __m256i less_than(__m256i a, __m256i b) {  // -1 where it is, without a sign
  return _mm256_xor_si256(_mm256_cmpeq_epi16(_mm256_max_epu16(a, b), a), _mm256_set1_epi16(-1));
}

inline Products multiply_words(__m256i a, __m256i b) { return {_mm256_mulhi_epu16(a, b), _mm256_mullo_epi16(a, b)}; }

inline Products add_words(const Products& a, const Products& b) {
  const __m256i low = _mm256_add_epi16(a.low, b.low);
  return {_mm256_sub_epi16(_mm256_add_epi16(a.high, b.high), less_than(low, a.low)), low};
}

// As divide_by_top does it: the high word of t + (t >> 16), where t has 1/2 more.
inline __m256i divide_by_65535(const Products& p) {
  const __m256i high = _mm256_add_epi16(p.high, _mm256_srli_epi16(p.low, 15));
  const __m256i low = _mm256_add_epi16(_mm256_xor_si256(p.low, _mm256_set1_epi16(-32768)), high);
  return _mm256_sub_epi16(high, less_than(low, high));
}

#ifdef __AVX512F__
inline __m512i divide_by_255(__m512i products) {
  const __m512i t = _mm512_add_epi16(products, _mm512_set1_epi16(128));
  return _mm512_srli_epi16(_mm512_add_epi16(t, _mm512_srli_epi16(t, 8)), 8);
}
#endif
#endif

}  // namespace
