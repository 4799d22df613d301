// Sixteen floats in one zmm register.
#pragma once

#include <immintrin.h>

namespace {

struct Vec {
  static constexpr int lanes = 16;
  static constexpr int held = 12;  // tiles, or pixels, whose sums are in registers at once
  __m512 r;

  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec all(float x) { return {_mm512_set1_ps(x)}; }
  void store(float* p) const { _mm512_storeu_ps(p, r); }
  friend Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.r, b.r)}; }
  friend Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.r, b.r)}; }
  friend Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.r, b.r)}; }
  friend Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.r, b.r)}; }
};

inline void prefetch(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.r, b.r, c.r)}; }
// The masked forms: GCC 12 warns of an uninitialised register in the plain ones.
inline Vec larger(Vec a, Vec b) { return {_mm512_maskz_max_ps(0xffff, a.r, b.r)}; }
inline Vec smaller(Vec a, Vec b) { return {_mm512_maskz_min_ps(0xffff, a.r, b.r)}; }
// Rows become columns: pairs of floats, pairs of those, then quarters of registers.
inline void transpose(Vec* rows) {
  __m512 pairs[16], fours[16];
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_maskz_unpacklo_ps(0xffff, rows[i].r, rows[i + 1].r);
    pairs[i + 1] = _mm512_maskz_unpackhi_ps(0xffff, rows[i].r, rows[i + 1].r);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int j = 0; j < 2; ++j) {
      fours[i + 2 * j] = _mm512_maskz_shuffle_ps(0xffff, pairs[i + j], pairs[i + j + 2], 0x44);
      fours[i + 2 * j + 1] = _mm512_maskz_shuffle_ps(0xffff, pairs[i + j], pairs[i + j + 2], 0xee);
    }
  }
  for (int i = 0; i < 4; ++i) {
    const auto quarters = [&](int from, __m512& even, __m512& odd) {
      even = _mm512_maskz_shuffle_f32x4(0xffff, fours[from + i], fours[from + i + 4], 0x88);
      odd = _mm512_maskz_shuffle_f32x4(0xffff, fours[from + i], fours[from + i + 4], 0xdd);
    };
    __m512 even[2], odd[2];
    quarters(0, even[0], odd[0]);
    quarters(8, even[1], odd[1]);
    rows[i].r = _mm512_maskz_shuffle_f32x4(0xffff, even[0], even[1], 0x88);
    rows[i + 4].r = _mm512_maskz_shuffle_f32x4(0xffff, odd[0], odd[1], 0x88);
    rows[i + 8].r = _mm512_maskz_shuffle_f32x4(0xffff, even[0], even[1], 0xdd);
    rows[i + 12].r = _mm512_maskz_shuffle_f32x4(0xffff, odd[0], odd[1], 0xdd);
  }
}
// The float with the bits of p plus n in its exponent; `shifted` is n + 1.5 * 2^23.
inline Vec with_exponent(Vec p, Vec shifted) {
  const __m512i exponent = _mm512_maskz_slli_epi32(0xffff, _mm512_castps_si512(shifted.r), 23);
  return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p.r), exponent))};
}

}  // namespace
