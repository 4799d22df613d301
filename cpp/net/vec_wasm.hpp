// Four floats in one v128 register of WebAssembly. Only relaxed SIMD has a fused multiply-add, where the CPU has one.
#pragma once

#include <wasm_simd128.h>

namespace {

struct Vec {
  static constexpr int lanes = 4;
  static constexpr int held = 2;  // tiles, or pixels, whose sums are in registers at once
  v128_t r;

  static Vec load(const float* p) { return {wasm_v128_load(p)}; }
  static Vec all(float x) { return {wasm_f32x4_splat(x)}; }
  void store(float* p) const { wasm_v128_store(p, r); }
  friend Vec operator+(Vec a, Vec b) { return {wasm_f32x4_add(a.r, b.r)}; }
  friend Vec operator-(Vec a, Vec b) { return {wasm_f32x4_sub(a.r, b.r)}; }
  friend Vec operator*(Vec a, Vec b) { return {wasm_f32x4_mul(a.r, b.r)}; }
  friend Vec operator/(Vec a, Vec b) { return {wasm_f32x4_div(a.r, b.r)}; }
};

inline void prefetch(const float*) {}
#if defined(__wasm_relaxed_simd__)
inline Vec fma(Vec a, Vec b, Vec c) { return {wasm_f32x4_relaxed_madd(a.r, b.r, c.r)}; }
#else
inline Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
#endif
// As x86 has it: the second operand where the two do not compare. pmax and pmin keep the first.
inline Vec larger(Vec a, Vec b) { return {wasm_f32x4_pmax(b.r, a.r)}; }
inline Vec smaller(Vec a, Vec b) { return {wasm_f32x4_pmin(b.r, a.r)}; }
// The float with the bits of p plus n in its exponent; `shifted` is n + 1.5 * 2^23.
inline Vec with_exponent(Vec p, Vec shifted) { return {wasm_i32x4_add(p.r, wasm_i32x4_shl(shifted.r, 23))}; }

}  // namespace
