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
// The float with the bits of p plus n in its exponent; `shifted` is n + 1.5 * 2^23.
inline Vec with_exponent(Vec p, Vec shifted) {
  const __m512i exponent = _mm512_maskz_slli_epi32(0xffff, _mm512_castps_si512(shifted.r), 23);
  return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p.r), exponent))};
}

}  // namespace
