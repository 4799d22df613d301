// IEEE 754 binary16 and back, by integer arithmetic.
#pragma once

#include <bit>
#include <cstdint>

// Of internal linkage: each tier of the kernels has its own copy, compiled with its own flags.
namespace {

// Rounded to nearest even: the same bits as VCVTPS2PH with that rounding.
constexpr std::uint16_t half_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x1ffu));
  if (magnitude >= 0x47800000u) return static_cast<std::uint16_t>(sign | 0x7c00u);
  std::uint32_t mantissa = magnitude;
  std::uint32_t shift = 13;
  if (magnitude < 0x38800000u) {  // subnormal half: the implicit bit is made explicit and shifted into place
    const std::uint32_t exponent = magnitude >> 23;
    if (exponent < 102) return static_cast<std::uint16_t>(sign);
    mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    shift = 126 - exponent;
  } else {
    mantissa -= 0x38000000u;  // exponent bias 127 -> 15
  }
  const std::uint32_t half = mantissa >> shift;
  const std::uint32_t rest = mantissa & ((1u << shift) - 1u);
  const std::uint32_t middle = 1u << (shift - 1u);
  return static_cast<std::uint16_t>(sign | (half + ((rest > middle || (rest == middle && (half & 1u))) ? 1u : 0u)));
}

// Exact for every value, NaN payloads included.
constexpr float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fu;
  const std::uint32_t mantissa = half & 0x3ffu;
  std::uint32_t magnitude;
  if (exponent == 0) {
    magnitude = std::bit_cast<std::uint32_t>(static_cast<float>(mantissa) * 0x1p-24f);  // zero and subnormal
  } else if (exponent == 31) {
    magnitude = 0x7f800000u | mantissa << 13;  // infinity and NaN
  } else {
    magnitude = (exponent + (127 - 15)) << 23 | mantissa << 13;
  }
  return std::bit_cast<float>(sign | magnitude);
}

}  // namespace
