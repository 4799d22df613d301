// Deflate's bits, the lowest of a byte first.
#pragma once

#include <cstdint>
#include <cstring>

#include "codecs/kernels.hpp"

namespace rmbg::codecs {

static inline void put(Bits& bits, std::uint64_t value, std::uint32_t count) {
  bits.held |= value << bits.count;
  bits.count += count;
}

// Writes whole bytes and holds the rest, fewer than 8 bits. At most 56 may be put between two flushes. What it writes
// beyond them, up to 8 bytes, is written again.
static inline void flush(Bits& bits) {
  std::memcpy(bits.at, &bits.held, 8);
  bits.at += bits.count >> 3;
  bits.held >>= bits.count & ~7u;
  bits.count &= 7;
}

// Fills the last byte up with zeros.
static inline void align(Bits& bits) {
  flush(bits);
  if (bits.count == 0) return;
  ++bits.at;
  bits.held = 0;
  bits.count = 0;
}

}  // namespace rmbg::codecs
