// Eight floats in one ymm register.
#pragma once

#include <immintrin.h>

namespace {

struct Vec {
  static constexpr int lanes = 8;
  static constexpr int held = 6;  // tiles, or pixels, whose sums are in registers at once
  __m256 r;

  static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Vec all(float x) { return {_mm256_set1_ps(x)}; }
  void store(float* p) const { _mm256_storeu_ps(p, r); }
  friend Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.r, b.r)}; }
  friend Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.r, b.r)}; }
  friend Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.r, b.r)}; }
  friend Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.r, b.r)}; }
};

inline void prefetch(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.r, b.r, c.r)}; }
inline Vec larger(Vec a, Vec b) { return {_mm256_max_ps(a.r, b.r)}; }
inline Vec smaller(Vec a, Vec b) { return {_mm256_min_ps(a.r, b.r)}; }
// Rows become columns: pairs of floats, pairs of those, halves of registers.
inline void transpose(Vec* rows) {
  __m256 pairs[8], fours[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(rows[i].r, rows[i + 1].r);
    pairs[i + 1] = _mm256_unpackhi_ps(rows[i].r, rows[i + 1].r);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; ++j) {
      fours[i + 2 * j] = _mm256_shuffle_ps(pairs[i + j], pairs[i + j + 2], 0x44);
      fours[i + 2 * j + 1] = _mm256_shuffle_ps(pairs[i + j], pairs[i + j + 2], 0xee);
    }
  }
  for (int i = 0; i < 4; ++i) {
    rows[i].r = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20);
    rows[i + 4].r = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);
  }
}
// The float with the bits of p plus n in its exponent; `shifted` is n + 1.5 * 2^23.
inline Vec with_exponent(Vec p, Vec shifted) {
  const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(shifted.r), 23);
  return {_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p.r), exponent))};
}

}  // namespace
