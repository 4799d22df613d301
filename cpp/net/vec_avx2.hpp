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
};

inline void prefetch(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.r, b.r, c.r)}; }
inline Vec larger(Vec a, Vec b) { return {_mm256_max_ps(a.r, b.r)}; }
inline Vec smaller(Vec a, Vec b) { return {_mm256_min_ps(a.r, b.r)}; }

}  // namespace
