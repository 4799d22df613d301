// float32 -> IEEE binary16, round to nearest even, by integer arithmetic: the same bits as VCVTPS2PH with that
// rounding.
#pragma once

#include <bit>
#include <cstdint>

namespace {

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

}  // namespace
