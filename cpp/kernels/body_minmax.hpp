// minmax: 32 running values a side, so that comparisons do not wait for each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/kernels.hpp"

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

MinMax minmax(const float* data, std::size_t count) {
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

}  // namespace
