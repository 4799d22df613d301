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

// Rows are blended first, a few columns at a time: neighbours share most of the columns that they come from.
void sample(const float* low, const float* high, float weight, const Sample* columns, int count, float* out) {
  constexpr int together = 8, room = 16;
  const Vec down = Vec::all(weight);
  alignas(64) float between[room][Vec::lanes];
  for (int x = 0; x < count;) {
    const int from = columns[x].low;
    int end = x + 1;
    while (end < count && end < x + together && columns[end].low >= from && columns[end].high - from < room) ++end;
    const int to = columns[end - 1].high;
    for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
      for (int at = from; at <= to; ++at) {
        blend(Vec::load(low + at * kBlock + lane), Vec::load(high + at * kBlock + lane), down).store(between[at - from]);
      }
      for (int i = x; i < end; ++i) {
        const Vec left = Vec::load(between[columns[i].low - from]);
        blend(left, Vec::load(between[columns[i].high - from]), Vec::all(columns[i].weight)).store(out + i * kBlock + lane);
      }
    }
    x = end;
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
