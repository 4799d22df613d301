// What is done to each pixel by itself, and the sum over pixels.
#pragma once

#include "net/kernels.hpp"

namespace {

using rmbg::net::kBlock;

// e^x for x in [-86, 88]: 2^n times a polynomial over [-ln 2 / 2, ln 2 / 2], that of Cephes (netlib.org/cephes, expf).
inline Vec exponential(Vec x) {
  const Vec shift = Vec::all(12582912.0f);  // 1.5 * 2^23: a sum with it is rounded to a whole number, in its low bits
  const Vec shifted = fma(x, Vec::all(1.44269504f), shift);
  const Vec n = shifted - shift;
  Vec r = fma(n, Vec::all(-0.693359375f), x);
  r = fma(n, Vec::all(2.12194440e-4f), r);
  Vec p = Vec::all(1.9875691500e-4f);
  constexpr float others[] = {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  for (const float next : others) p = fma(p, r, Vec::all(next));
  return with_exponent(fma(p, r * r, r + Vec::all(1.0f)), shifted);
}

void sigmoid(const float* in, const float* scale, float* out, int count) {
  for (std::ptrdiff_t at = 0; at < std::ptrdiff_t{count} * kBlock; at += Vec::lanes) {
    const Vec x = larger(Vec::all(-86.0f), smaller(Vec::all(86.0f), Vec::load(in + at)));
    const Vec below = Vec::all(1.0f) + exponential(Vec::all(0.0f) - x);
    (Vec::load(scale + at % kBlock) / below).store(out + at);
  }
}

void gate(const float* in, const float* factors, float* out, int count) {
  for (std::ptrdiff_t at = 0; at < std::ptrdiff_t{count} * kBlock; at += kBlock) {
    const Vec factor = Vec::all(factors[at]);
    for (int lane = 0; lane < kBlock; lane += Vec::lanes) (Vec::load(in + at + lane) * factor).store(out + at + lane);
  }
}

void sum(const float* in, std::ptrdiff_t step, int count, float factor, float* out) {
  for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
    Vec all = Vec::all(0.0f);
    for (int i = 0; i < count; ++i) all = all + Vec::load(in + i * step + lane);
    (all * Vec::all(factor)).store(out + lane);
  }
}

}  // namespace
