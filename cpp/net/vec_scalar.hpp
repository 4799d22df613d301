// One float: the reference, which runs on any CPU. A fused multiply-add rounds once, in hardware or not.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace {

struct Vec {
  static constexpr int lanes = 1;
  static constexpr int held = 6;  // tiles, or pixels, whose sums are in registers at once
  float r;

  static Vec load(const float* p) { return {*p}; }
  static Vec all(float x) { return {x}; }
  void store(float* p) const { *p = r; }
  friend Vec operator+(Vec a, Vec b) { return {a.r + b.r}; }
  friend Vec operator-(Vec a, Vec b) { return {a.r - b.r}; }
  friend Vec operator*(Vec a, Vec b) { return {a.r * b.r}; }
  friend Vec operator/(Vec a, Vec b) { return {a.r / b.r}; }
};

inline void prefetch(const float*) {}
inline void transpose(Vec*) {}
inline Vec fma(Vec a, Vec b, Vec c) { return {std::fma(a.r, b.r, c.r)}; }
inline Vec larger(Vec a, Vec b) { return {a.r > b.r ? a.r : b.r}; }
inline Vec smaller(Vec a, Vec b) { return {a.r < b.r ? a.r : b.r}; }
// The float with the bits of p plus n in its exponent; `shifted` is n + 1.5 * 2^23.
inline Vec with_exponent(Vec p, Vec shifted) {
  return {std::bit_cast<float>(std::bit_cast<std::uint32_t>(p.r) + (std::bit_cast<std::uint32_t>(shifted.r) << 23))};
}

}  // namespace
