// sigmoid: a few hundred values at a time, so that their range is found while they are in the first-level cache.
#pragma once

#include <cstddef>

#include "kernels/body_minmax.hpp"
#include "kernels/kernels.hpp"
#include "kernels/sigmoid.hpp"

namespace {

using namespace rmbg::kernels;

MinMax sigmoid(const float* src, std::size_t count, float* dst) {
  constexpr std::size_t kChunk = 256;
  float chunk[kChunk];
  MinMax range{kInfinity, -kInfinity};
  for (std::size_t at = 0; at < count; at += kChunk) {
    const std::size_t n = count - at < kChunk ? count - at : kChunk;
    // Loops of their own: together, the compiler branches on what is out of reach and vectorises nothing.
    for (std::size_t i = 0; i < n; ++i) chunk[i] = sigmoid_clamped(src[at + i]);
    for (std::size_t i = 0; i < n; ++i) chunk[i] = sigmoid_of(chunk[i]);
    for (std::size_t i = 0; i < n; ++i) chunk[i] = src[at + i] == src[at + i] ? chunk[i] : src[at + i];
    for (std::size_t i = 0; i < n; ++i) dst[at + i] = chunk[i];
    const MinMax part = minmax(chunk, n);
    range.lo = part.lo < range.lo ? part.lo : range.lo;
    range.hi = part.hi > range.hi ? part.hi : range.hi;
  }
  return range;
}

}  // namespace
