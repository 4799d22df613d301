// IEEE 754 binary16 to binary32: exact for every value, NaN payloads included.
#pragma once

#include <bit>
#include <cstdint>

namespace rmbg::ort {

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

}  // namespace rmbg::ort
