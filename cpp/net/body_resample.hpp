// Bilinear sampling, maximum pooling and addition.
#pragma once

#include <cmath>
#include <utility>

#include "net/finish.hpp"
#include "net/kernels.hpp"

namespace {

using rmbg::net::Clamp;
using rmbg::net::kBlock;
using rmbg::net::Lerp;

inline Vec blend(Vec low, Vec high, Vec weight) { return fma(high - low, weight, low); }

void sample_row(const float* from, const Lerp* columns, int count, float* out) {
  for (int x = 0; x < count; ++x) {
    const Vec weight = Vec::all(columns[x].weight);
    for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
      const Vec left = Vec::load(from + columns[x].low * kBlock + lane);
      blend(left, Vec::load(from + columns[x].high * kBlock + lane), weight).store(out + x * kBlock + lane);
    }
  }
}

// Rows of the output that come from the same two rows share them, once sampled.
void sample(const float* in, std::ptrdiff_t row, const Lerp* rows, int row_count, const Lerp* columns, int column_count,
            float* between, float* out, std::ptrdiff_t out_row) {
  float* low = between;
  float* high = between + column_count * kBlock;
  std::int32_t in_low = -1, in_high = -1;  // the rows that they hold
  for (int y = 0; y < row_count; ++y) {
    const Lerp at = rows[y];
    if (at.low != in_low) {
      std::swap(low, high);
      std::swap(in_low, in_high);
    }
    if (at.low != in_low) sample_row(in + at.low * row, columns, column_count, low);
    if (at.high != in_high) sample_row(in + at.high * row, columns, column_count, high);
    in_low = at.low;
    in_high = at.high;
    const Vec weight = Vec::all(at.weight);
    float* to = out + y * out_row;
    for (int i = 0; i < column_count * kBlock; i += Vec::lanes) {
      blend(Vec::load(low + i), Vec::load(high + i), weight).store(to + i);
    }
  }
}

void sample_plane(const float* low, const float* high, float weight, int width, const Lerp* columns, int count,
                  float* between, float* out) {
  const Vec down = Vec::all(weight);
  int x = 0;
  for (; x + Vec::lanes <= width; x += Vec::lanes)
    blend(Vec::load(low + x), Vec::load(high + x), down).store(between + x);
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
  std::ptrdiff_t at = 0;
  for (; at + Vec::lanes <= count; at += Vec::lanes) limits(Vec::load(a + at) + Vec::load(b + at)).store(out + at);
  for (; at < count; ++at) {
    const float y = a[at] + b[at];
    const float floor = clamp.low > y ? clamp.low : y;
    out[at] = clamp.high < floor ? clamp.high : floor;
  }
}

}  // namespace
