// The symbols of deflate (RFC 1951, section 3.2.5): which one stands for a length or a distance, and its extra bits.
#pragma once

#include <cstdint>

#include "codecs/kernels.hpp"

namespace rmbg::codecs {

struct LengthSymbols {
  std::uint16_t base[29];  // of symbols 257..285
  std::uint8_t extra[29];
  std::uint8_t of[kLongest + 1];  // a length -> its symbol - 257
};

constexpr LengthSymbols make_length_symbols() {
  LengthSymbols all{};
  std::uint32_t length = kShortest;
  for (std::uint32_t symbol = 0; symbol < 28; ++symbol) {
    const std::uint32_t extra = symbol < 8 ? 0 : symbol / 4 - 1;
    all.base[symbol] = static_cast<std::uint16_t>(length);
    all.extra[symbol] = static_cast<std::uint8_t>(extra);
    for (std::uint32_t i = 0; i < 1u << extra && length <= kLongest; ++i) {
      all.of[length++] = static_cast<std::uint8_t>(symbol);
    }
  }
  all.base[28] = kLongest;  // has a symbol of its own
  all.of[kLongest] = 28;
  return all;
}

constexpr LengthSymbols kLengths = make_length_symbols();

struct DistanceSymbol {
  std::uint32_t symbol;
  std::uint32_t extra;  // how many bits
  std::uint32_t rest;   // what they say
};

// Symbols come in pairs with the same number of extra bits, one pair for each power of two.
static constexpr DistanceSymbol distance_symbol(std::uint32_t distance) {
  const std::uint32_t d = distance - 1;
  if (d < 4) return {d, 0, 0};
  std::uint32_t top = 2;
  while (d >> (top + 1)) ++top;
  const std::uint32_t extra = top - 1;
  return {2 * top + ((d >> extra) & 1), extra, d & ((1u << extra) - 1)};
}

static constexpr std::uint32_t distance_extra(std::uint32_t symbol) { return symbol < 4 ? 0 : symbol / 2 - 1; }

// A long match as several: `full` of 258, then one of `rest` or, where that is below 3, so many literals.
struct Split {
  std::uint32_t full;
  std::uint32_t rest;
};
static constexpr Split split(std::uint32_t length) { return {length / kLongest, length % kLongest}; }

}  // namespace rmbg::codecs
