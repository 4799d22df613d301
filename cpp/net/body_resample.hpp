// Bilinear sampling, maximum pooling and addition.
#pragma once

#include <cmath>

#include "net/finish.hpp"
#include "net/kernels.hpp"

namespace {

using rmbg::net::Clamp;
using rmbg::net::kBlock;
using rmbg::net::Sample;

inline Vec blend(Vec low, Vec high, Vec weight) { return fma(high - low, weight, low); }

void sample(const float* low, const float* high, float weight, const Sample* columns, int count, float* out,
            std::ptrdiff_t stride) {
  const Vec down = Vec::all(weight);
  for (int x = 0; x < count; ++x) {
    const Vec along = Vec::all(columns[x].weight);
    for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
      const std::ptrdiff_t left = std::ptrdiff_t{columns[x].low} * kBlock + lane;
      const std::ptrdiff_t right = std::ptrdiff_t{columns[x].high} * kBlock + lane;
      const Vec above = blend(Vec::load(low + left), Vec::load(low + right), along);
      const Vec below = blend(Vec::load(high + left), Vec::load(high + right), along);
      blend(above, below, down).store(out + x * stride + lane);
    }
  }
}

void sample_plane(const float* low, const float* high, float weight, int width, const Sample* columns, int count,
                  float* between, float* out) {
  const Vec down = Vec::all(weight);
  int x = 0;
  for (; x + Vec::lanes <= width; x += Vec::lanes) blend(Vec::load(low + x), Vec::load(high + x), down).store(between + x);
  for (; x < width; ++x) between[x] = std::fma(high[x] - low[x], weight, low[x]);
  for (int i = 0; i < count; ++i) {
    const float left = between[columns[i].low];
    out[i] = std::fma(between[columns[i].high] - left, columns[i].weight, left);
  }
}

void max_pool(const float* in, std::ptrdiff_t row, int rows, int width, int window, int stride, int first, float* out,
              int count) {
  for (int x = 0; x < count; ++x) {
    const int from = first + x * stride;
    const int begin = from < 0 ? 0 : from;
    const int end = from + window < width ? from + window : width;
    for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
      Vec most = Vec::all(-std::numeric_limits<float>::infinity());
      for (int y = 0; y < rows; ++y) {
        for (int at = begin; at < end; ++at) most = larger(most, Vec::load(in + y * row + at * kBlock + lane));
      }
      most.store(out + x * kBlock + lane);
    }
  }
}

void add(const float* a, const float* b, Clamp clamp, float* out, std::ptrdiff_t count) {
  const Limits limits(clamp);
  for (std::ptrdiff_t at = 0; at < count; at += Vec::lanes) limits(Vec::load(a + at) + Vec::load(b + at)).store(out + at);
}

}  // namespace
