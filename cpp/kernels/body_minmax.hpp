// minmax: 32 running values a side, so that comparisons do not wait for each other. With AVX2 infinities are looked for
// only where one was met.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/kernels.hpp"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace {

using rmbg::kernels::MinMax;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr int kLanes = 32;

inline void minmax_step(float v, float& lo, float& hi) {
  const bool finite = v >= -kLargest && v <= kLargest;
  const float low = finite ? v : kInfinity;
  const float high = finite ? v : -kInfinity;
  lo = low < lo ? low : lo;
  hi = high > hi ? high : hi;
}

inline MinMax minmax_of_any(const float* data, std::size_t count) {
  float lo[kLanes];
  float hi[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    lo[i] = kInfinity;
    hi[i] = -kInfinity;
  }
  std::size_t at = 0;
  for (; at + kLanes <= count; at += kLanes) {
    for (int i = 0; i < kLanes; ++i) minmax_step(data[at + i], lo[i], hi[i]);
  }
  for (; at < count; ++at) minmax_step(data[at], lo[0], hi[0]);
  MinMax range{lo[0], hi[0]};
  for (int i = 1; i < kLanes; ++i) {
    range.lo = lo[i] < range.lo ? lo[i] : range.lo;
    range.hi = hi[i] > range.hi ? hi[i] : range.hi;
  }
  return {range.lo + 0.0f, range.hi + 0.0f};  // -0 becomes +0, whatever the order of the values
}

#if defined(__AVX2__) && !defined(__AVX512F__)
MinMax minmax(const float* data, std::size_t count) {
  __m256 lo[4], hi[4];
  for (int i = 0; i < 4; ++i) {
    lo[i] = _mm256_set1_ps(kInfinity);
    hi[i] = _mm256_set1_ps(-kInfinity);
  }
  std::size_t at = 0;
  for (; at + kLanes <= count; at += kLanes) {
    for (int i = 0; i < 4; ++i) {  // NaN: the second operand
      const __m256 v = _mm256_loadu_ps(data + at + 8 * i);
      lo[i] = _mm256_min_ps(v, lo[i]);
      hi[i] = _mm256_max_ps(v, hi[i]);
    }
  }
  float lows[8], highs[8];
  _mm256_storeu_ps(lows, _mm256_min_ps(_mm256_min_ps(lo[0], lo[1]), _mm256_min_ps(lo[2], lo[3])));
  _mm256_storeu_ps(highs, _mm256_max_ps(_mm256_max_ps(hi[0], hi[1]), _mm256_max_ps(hi[2], hi[3])));
  MinMax range{kInfinity, -kInfinity};
  for (int i = 0; i < 8; ++i) {
    range.lo = lows[i] < range.lo ? lows[i] : range.lo;
    range.hi = highs[i] > range.hi ? highs[i] : range.hi;
  }
  if (range.lo == -kInfinity || range.hi == kInfinity) return minmax_of_any(data, count);
  for (; at < count; ++at) minmax_step(data[at], range.lo, range.hi);
  return {range.lo + 0.0f, range.hi + 0.0f};  // -0 becomes +0, whatever the order of the values
}
#else
MinMax minmax(const float* data, std::size_t count) { return minmax_of_any(data, count); }
#endif

}  // namespace
