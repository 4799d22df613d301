// One value's sigmoid, as kernels.hpp writes it down: of the host's tiers and of the device.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/kernels.hpp"

// Of internal linkage: each tier of the kernels has its own copy, compiled with its own flags.
namespace {

constexpr float sigmoid_clamped(float v) {  // NaN becomes a number here
  constexpr float reach = rmbg::kernels::kSigmoidReach;
  const float low = v > -reach ? v : -reach;
  return low < reach ? low : reach;
}

constexpr float sigmoid_of(float v) {  // that is clamped
  using namespace rmbg::kernels;
  // Constants of their own: a device has no addresses of the host's tables.
  constexpr float c0 = kExpTerms[0], c1 = kExpTerms[1], c2 = kExpTerms[2], c3 = kExpTerms[3], c4 = kExpTerms[4];
  constexpr std::int32_t magic_bits = std::bit_cast<std::int32_t>(kExpMagic);
  const float x = -v;
  const float t = x * kExpPerLn2 + kExpMagic;
  const float k = t - kExpMagic;
  const float r = (x - k * kExpLn2High) - k * kExpLn2Low;
  float p = c4;
  p = p * r + c3;
  p = p * r + c2;
  p = p * r + c1;
  p = p * r + c0;
  p = ((p * r) * r + r) + 1.0f;
  const std::int32_t exponent = std::bit_cast<std::int32_t>(t) - magic_bits + 127;
  const float scale = std::bit_cast<float>(exponent << 23);
  return 1.0f / (1.0f + p * scale);
}

}  // namespace
