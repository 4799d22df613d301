// sigmoid: a few hundred values at a time, so that their range is found while they are in the first-level cache.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernels/body_minmax.hpp"
#include "kernels/kernels.hpp"

namespace {

using namespace rmbg::kernels;

inline float sigmoid_clamped(float v) {  // NaN becomes a number here
  const float low = v > -kSigmoidReach ? v : -kSigmoidReach;
  return low < kSigmoidReach ? low : kSigmoidReach;
}

inline float sigmoid_of(float v) {  // that is clamped
  const float x = -v;
  const float t = x * kExpPerLn2 + kExpMagic;
  const float k = t - kExpMagic;
  const float r = (x - k * kExpLn2High) - k * kExpLn2Low;
  float p = kExpTerms[4];
  p = p * r + kExpTerms[3];
  p = p * r + kExpTerms[2];
  p = p * r + kExpTerms[1];
  p = p * r + kExpTerms[0];
  p = ((p * r) * r + r) + 1.0f;
  const std::int32_t exponent = std::bit_cast<std::int32_t>(t) - std::bit_cast<std::int32_t>(kExpMagic) + 127;
  const float scale = std::bit_cast<float>(exponent << 23);
  return 1.0f / (1.0f + p * scale);
}

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
