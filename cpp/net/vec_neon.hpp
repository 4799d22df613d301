// Four floats in one NEON register.
#pragma once

#include <arm_neon.h>

namespace {

struct Vec {
  static constexpr int lanes = 4;
  static constexpr int held = 6;  // tiles, or pixels, whose sums are in registers at once
  float32x4_t r;

  static Vec load(const float* p) { return {vld1q_f32(p)}; }
  static Vec all(float x) { return {vdupq_n_f32(x)}; }
  void store(float* p) const { vst1q_f32(p, r); }
  friend Vec operator+(Vec a, Vec b) { return {vaddq_f32(a.r, b.r)}; }
  friend Vec operator-(Vec a, Vec b) { return {vsubq_f32(a.r, b.r)}; }
  friend Vec operator*(Vec a, Vec b) { return {vmulq_f32(a.r, b.r)}; }
  friend Vec operator/(Vec a, Vec b) { return {vdivq_f32(a.r, b.r)}; }
};

inline void prefetch(const float*) {}
inline Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.r, a.r, b.r)}; }
// Rows become columns.
inline void transpose(Vec* rows) {
  const float32x4x2_t upper = vtrnq_f32(rows[0].r, rows[1].r), lower = vtrnq_f32(rows[2].r, rows[3].r);
  for (int i = 0; i < 2; ++i) {
    rows[i].r = vcombine_f32(vget_low_f32(upper.val[i]), vget_low_f32(lower.val[i]));
    rows[i + 2].r = vcombine_f32(vget_high_f32(upper.val[i]), vget_high_f32(lower.val[i]));
  }
}
// As x86 has it: the second operand where the two do not compare.
inline Vec larger(Vec a, Vec b) { return {vbslq_f32(vcgtq_f32(a.r, b.r), a.r, b.r)}; }
inline Vec smaller(Vec a, Vec b) { return {vbslq_f32(vcltq_f32(a.r, b.r), a.r, b.r)}; }
// The float with the bits of p plus n in its exponent; `shifted` is n + 1.5 * 2^23.
inline Vec with_exponent(Vec p, Vec shifted) {
  const uint32x4_t exponent = vshlq_n_u32(vreinterpretq_u32_f32(shifted.r), 23);
  return {vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(p.r), exponent))};
}

}  // namespace
