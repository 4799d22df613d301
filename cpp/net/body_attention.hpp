// What attention needs beside products: tokens made ready for them, and the softmax of their scores. Behind
// body_pointwise.hpp, whose exponential it takes.
#pragma once

#include <limits>

#include "net/kernels.hpp"

#if !defined(__wasm__)

namespace {

void token(const float* in, const float* bias, float scale, int blocks, float* out, std::ptrdiff_t out_block) {
  const Vec factor = Vec::all(scale);
  for (int block = 0; block < blocks; ++block) {
    for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
      const int at = block * kBlock + lane;
      ((Vec::load(in + at) + Vec::load(bias + at)) * factor).store(out + block * out_block + lane);
    }
  }
}

void keys(const float* const* tokens, const float* bias, int blocks, float* out) {
  for (int d = 0; d < blocks * kBlock; d += Vec::lanes) {
    const Vec added = Vec::load(bias + d);
    for (int first = 0; first < kBlock; first += Vec::lanes) {
      Vec rows[Vec::lanes];
      for (int i = 0; i < Vec::lanes; ++i) rows[i] = Vec::load(tokens[first + i] + d) + added;
      transpose(rows);
      for (int i = 0; i < Vec::lanes; ++i) rows[i].store(out + (d + i) * kBlock + first);
    }
  }
}

// Of 16 lanes, halves first.
template <typename Join>
float across(const Vec* parts, Join join) {
  float lanes[kBlock];
  for (int part = 0; part < kBlock / Vec::lanes; ++part) parts[part].store(lanes + part * Vec::lanes);
  for (int half = kBlock / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) lanes[lane] = join(lanes[lane], lanes[lane + half]);
  }
  return lanes[0];
}

template <bool masked>
void softmax_of_token(const rmbg::net::Softmax& job, int token) {
  constexpr int parts = kBlock / Vec::lanes;
  const float* const bias = job.bias + std::ptrdiff_t{token} * job.blocks * kBlock;
  Vec lanes[parts];
  for (Vec& lane : lanes) lane = Vec::all(-std::numeric_limits<float>::infinity());
  for (int block = 0; block < job.blocks; ++block) {
    float* const scores = job.scores + block * rmbg::net::kRow + token * kBlock;
    for (int part = 0; part < parts; ++part) {
      const int at = block * kBlock + part * Vec::lanes;
      Vec x = Vec::load(scores + part * Vec::lanes) + Vec::load(bias + at);
      if (masked) x = x + Vec::load(job.masks[token] + at);
      x.store(scores + part * Vec::lanes);
      lanes[part] = larger(lanes[part], x);
    }
  }
  const Vec most = Vec::all(across(lanes, [](float a, float b) { return a > b ? a : b; }));
  for (Vec& lane : lanes) lane = Vec::all(0.0f);
  for (int block = 0; block < job.blocks; ++block) {
    float* const scores = job.scores + block * rmbg::net::kRow + token * kBlock;
    for (int part = 0; part < parts; ++part) {
      const Vec x = exponential(larger(Vec::all(-86.0f), Vec::load(scores + part * Vec::lanes) - most));
      x.store(scores + part * Vec::lanes);
      lanes[part] = lanes[part] + x;
    }
  }
  job.inverse[token] = 1.0f / across(lanes, [](float a, float b) { return a + b; });
}

void softmax(const rmbg::net::Softmax& job) {
  for (int token = 0; token < job.tokens; ++token) {
    if (job.masks) {
      softmax_of_token<true>(job, token);
    } else {
      softmax_of_token<false>(job, token);
    }
  }
}

}  // namespace

#endif
