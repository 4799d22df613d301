// write: tokens to bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "codecs/bits.hpp"
#include "codecs/deflate_symbols.hpp"
#include "codecs/kernels.hpp"
#include "codecs/near_literals.hpp"

namespace {

using rmbg::codecs::Bits;
using rmbg::codecs::WriteTokens;

using rmbg::codecs::flush;
using rmbg::codecs::put;

struct LiteralCode {
  std::uint32_t code;
  std::uint32_t bits;
};

inline void put_four(Bits& bits, const LiteralCode* codes, std::uint32_t four) {
  const LiteralCode a = codes[four & 0xff];
  const LiteralCode b = codes[four >> 8 & 0xff];
  const LiteralCode c = codes[four >> 16 & 0xff];
  const LiteralCode d = codes[four >> 24];
  const std::uint64_t low = a.code | std::uint64_t{b.code} << a.bits;
  const std::uint64_t high = c.code | std::uint64_t{d.code} << c.bits;
  const std::uint32_t half = a.bits + b.bits;
  put(bits, low | high << half, half + c.bits + d.bits);
}

inline void put_eight(Bits& bits, const LiteralCode* codes, const std::uint8_t* p) {
  std::uint64_t eight;
  std::memcpy(&eight, p, sizeof eight);
  put_four(bits, codes, static_cast<std::uint32_t>(eight));
  flush(bits);
  put_four(bits, codes, static_cast<std::uint32_t>(eight >> 32));
  flush(bits);
}

// Writes the literals of a block.
class LiteralWriter {
 public:
  explicit LiteralWriter(const rmbg::codecs::Codes& codes)
#if defined(__AVX2__)
      : near_(codes)
#endif
  {
    for (int i = 0; i < 256; ++i) codes_[i] = {codes.literals[i] & 0xffffff, codes.literals[i] >> 24};
  }

  void put(Bits& bits, const std::uint8_t* p, std::size_t n) const {
    std::size_t i = 0;
#if defined(__AVX2__)
    for (; i + kNearGroup <= n; i += kNearGroup) {
      if (near_.put(p + i, bits)) continue;
      for (std::size_t k = 0; k < kNearGroup; k += 8) put_eight(bits, codes_, p + i + k);
    }
#endif
    for (; i + 8 <= n; i += 8) put_eight(bits, codes_, p + i);
    for (; i < n; ++i) {
      rmbg::codecs::put(bits, codes_[p[i]].code, codes_[p[i]].bits);
      flush(bits);
    }
  }

 private:
  LiteralCode codes_[256];
#if defined(__AVX2__)
  NearWriter near_;
#endif
};

Bits write(const WriteTokens& job, Bits bits) {
  using rmbg::codecs::kLengths;
  using rmbg::codecs::kLongest;
  const LiteralWriter literals(*job.codes);
  const std::uint32_t longest = job.codes->literals[257 + 28];
  const std::uint8_t* p = job.data;
  for (std::size_t t = 0; t < job.count; ++t) {
    const rmbg::codecs::Token token = job.tokens[t];
    literals.put(bits, p, token.literals);
    p += token.literals;
    if (token.length == 0) continue;
    const rmbg::codecs::DistanceSymbol distance = rmbg::codecs::distance_symbol(token.distance);
    const std::uint32_t entry = job.codes->distances[distance.symbol];
    const std::uint64_t way = (entry & 0xffffff) | std::uint64_t{distance.rest} << (entry >> 24);  // its code and rest
    const std::uint32_t way_bits = (entry >> 24) + distance.extra;
    const rmbg::codecs::Split parts = rmbg::codecs::split(token.length);
    const std::uint64_t full = (longest & 0xffffff) | way << (longest >> 24);
    const std::uint32_t full_bits = (longest >> 24) + way_bits;
    for (std::uint32_t k = 0; k < parts.full; ++k) {
      put(bits, full, full_bits);
      flush(bits);
    }
    p += token.length - parts.rest;
    if (parts.rest >= rmbg::codecs::kShortest) {
      const std::uint32_t symbol = kLengths.of[parts.rest];
      const std::uint32_t length = job.codes->literals[257 + symbol];
      put(bits, length & 0xffffff, length >> 24);
      put(bits, parts.rest - kLengths.base[symbol], kLengths.extra[symbol]);
      put(bits, way, way_bits);
      flush(bits);
    } else {
      literals.put(bits, p, parts.rest);
    }
    p += parts.rest;
  }
  return bits;
}

}  // namespace
