// What linear layers of tokens need beside products: LayerNorm before them, GELU between, and the end. Behind
// body_attention.hpp, whose sum over lanes it takes.
#pragma once

#include <cmath>
#include <iterator>

#include "net/kernels.hpp"

#if !defined(__wasm__)

namespace {

void normalize(const rmbg::net::Normalize& job) {
  constexpr int parts = kBlock / Vec::lanes;
  const float share = 1.0f / static_cast<float>(job.blocks * kBlock);
  const auto plus = [](float a, float b) { return a + b; };
  Vec lanes[parts];
  for (Vec& lane : lanes) lane = Vec::all(0.0f);
  for (int block = 0; block < job.blocks; ++block) {
    for (int part = 0; part < parts; ++part)
      lanes[part] = lanes[part] + Vec::load(job.in + block * kBlock + part * Vec::lanes);
  }
  const Vec mean = Vec::all(across(lanes, plus) * share);
  for (Vec& lane : lanes) lane = Vec::all(0.0f);
  for (int block = 0; block < job.blocks; ++block) {
    for (int part = 0; part < parts; ++part) {
      const Vec apart = Vec::load(job.in + block * kBlock + part * Vec::lanes) - mean;
      lanes[part] = fma(apart, apart, lanes[part]);
    }
  }
  const float variance = across(lanes, plus) * share;
  const Vec inverse = Vec::all(1.0f / std::sqrt(variance + job.epsilon));
  for (int block = 0; block < job.blocks; ++block) {
    for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
      const int at = block * kBlock + lane;
      const Vec x = (Vec::load(job.in + at) - mean) * inverse;
      fma(x, Vec::load(job.scale + at), Vec::load(job.shift + at)).store(job.out + block * job.out_block + lane);
    }
  }
}

// erf(x / sqrt 2) for |x| <= kErfEnd, beyond which it is 1 to the last bit but one: x times a polynomial of x^2, brought to
// [-1, 1]. Fitted to the least largest error of the product; at the end it is exactly 1.
constexpr float kErfEnd = 5.5f;
constexpr float kErfTerms[] = {-4.728334e-4f,  1.2631174e-3f, -1.0582708e-3f, 1.4402154e-3f,
                               -4.8372904e-3f, 9.243558e-3f,  -1.3639826e-2f, 2.0455658e-2f,
                               -2.9998153e-2f, 4.072913e-2f,  -5.209652e-2f,  6.414052e-2f,
                               -7.758557e-2f,  9.547526e-2f,  -1.2834467e-1f, 2.5710386e-1f};

inline Vec gelu_of(Vec x) {
  const Vec end = Vec::all(kErfEnd), one = Vec::all(1.0f);
  const Vec near = smaller(end, larger(Vec::all(-kErfEnd), x));
  const Vec t = fma(near * near, Vec::all(2.0f / (kErfEnd * kErfEnd)), Vec::all(-1.0f));
  Vec p = Vec::all(kErfTerms[0]);
  for (std::size_t i = 1; i < std::size(kErfTerms); ++i) p = fma(p, t, Vec::all(kErfTerms[i]));
  const Vec erf = smaller(one, larger(Vec::all(-1.0f), near * p));
  const Vec half = x * Vec::all(0.5f);
  return fma(half, erf, half);
}

void gelu(float* sums, const float* bias, int count) {
  for (std::ptrdiff_t at = 0; at < std::ptrdiff_t{count} * kBlock; at += Vec::lanes)
    gelu_of(Vec::load(sums + at) + Vec::load(bias + at % kBlock)).store(sums + at);
}

void spread(const rmbg::net::Spread& job) {
  for (int i = 0; i < job.tokens; ++i) {
    for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
      const std::ptrdiff_t at = i * job.token + lane;
      const Vec y = Vec::load(job.sums + i * kBlock + lane) + Vec::load(job.bias + lane);
      (job.residual ? y + Vec::load(job.residual + at) : y).store(job.out + at);
    }
  }
}

}  // namespace

#endif
