#include "codecs/huffman.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "codecs/bits.hpp"
#include "codecs/deflate_symbols.hpp"

namespace rmbg::codecs {
namespace {

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr std::size_t kMostSymbols = 288;
constexpr int kHeaderBits = 7;
constexpr std::size_t kHeaderSymbols = 19;  // lengths 0..15, the last again, 3..10 zeros, 11..138 zeros
constexpr u32 kAgain = 16, kFewZeros = 17, kManyZeros = 18;
constexpr u8 kHeaderOrder[kHeaderSymbols] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

u32 header_extra(u32 symbol) { return symbol == kAgain ? 2 : symbol == kFewZeros ? 3 : symbol == kManyZeros ? 7 : 0; }

u32 reversed(u32 code, u32 bits) {
  u32 result = 0;
  for (u32 k = 0; k < bits; ++k) result |= (code >> k & 1) << (bits - 1 - k);
  return result;
}

// Code lengths as the header's tokens: repeats and runs of zeros shortened.
std::size_t header_tokens(const u8* lengths, std::size_t count, std::uint16_t* tokens) {
  std::size_t n = 0;
  const auto add = [&](u32 symbol, std::size_t extra) {
    tokens[n++] = static_cast<std::uint16_t>(symbol | extra << 8);
  };
  for (std::size_t i = 0; i < count;) {
    std::size_t same = 1;
    while (i + same < count && lengths[i + same] == lengths[i]) ++same;
    i += same;
    const u8 length = lengths[i - 1];
    if (length == 0) {
      for (; same >= 11; same -= std::min<std::size_t>(same, 138))
        add(kManyZeros, std::min<std::size_t>(same, 138) - 11);
      if (same >= 3) {
        add(kFewZeros, same - 3);
        same = 0;
      }
    } else {
      add(length, 0);
      --same;
      for (; same >= 3; same -= std::min<std::size_t>(same, 6)) add(kAgain, std::min<std::size_t>(same, 6) - 3);
    }
    for (; same; --same) add(length, 0);
  }
  return n;
}

void fixed_lengths(u8* literals, u8* distances) {
  for (std::size_t i = 0; i < kMostSymbols; ++i) literals[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
  std::fill_n(distances, kDistanceSymbols, u8{5});
}

u64 bits_of_tokens(const Frequencies& frequencies, const u8* literals, const u8* distances) {
  u64 bits = 0;
  for (std::size_t i = 0; i < kLiteralSymbols; ++i) bits += u64{frequencies.literals[i]} * literals[i];
  for (std::size_t i = 0; i < 29; ++i) bits += u64{frequencies.literals[257 + i]} * kLengths.extra[i];
  for (u32 i = 0; i < kDistanceSymbols; ++i) {
    bits += u64{frequencies.distances[i]} * (distances[i] + distance_extra(i));
  }
  return bits;
}

}  // namespace

Frequencies sum(const Histogram& histogram) {
  Frequencies all{};
  for (const auto& column : histogram.literals) {
    for (std::size_t i = 0; i < 256; ++i) all.literals[i] += column[i];
  }
  all.literals[kEndOfBlock] = 1;
  std::copy(std::begin(histogram.lengths), std::end(histogram.lengths), all.literals + 257);
  std::copy(std::begin(histogram.distances), std::end(histogram.distances), all.distances);
  return all;
}

void code_lengths(const u32* frequencies, std::size_t count, int most, u8* lengths) {
  std::fill_n(lengths, count, u8{0});
  u64 leaves[kMostSymbols];  // frequency and, in the last nine bits, symbol: sorted, the order does not depend on the
                             // sort
  std::size_t n = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (frequencies[i]) leaves[n++] = u64{frequencies[i]} << 9 | i;
  }
  std::sort(leaves, leaves + n);
  const auto symbol = [&](std::size_t leaf) { return leaves[leaf] & 0x1ff; };
  if (n == 1) {
    lengths[symbol(0)] = 1;
    return;
  }
  // Huffman's algorithm with two queues: sorted leaves, and joints in the order in which they are made.
  u64 joints[kMostSymbols];
  std::uint16_t joint_parent[kMostSymbols];
  std::uint16_t leaf_parent[kMostSymbols];
  std::size_t leaf = 0;
  std::size_t joint = 0;
  for (std::size_t made = 0; made + 1 < n; ++made) {
    u64 weight = 0;
    for (int k = 0; k < 2; ++k) {
      const bool take_leaf = leaf < n && (joint == made || leaves[leaf] >> 9 <= joints[joint]);
      weight += take_leaf ? leaves[leaf] >> 9 : joints[joint];
      (take_leaf ? leaf_parent[leaf++] : joint_parent[joint++]) = static_cast<std::uint16_t>(made);
    }
    joints[made] = weight;
  }
  int depth[kMostSymbols];
  depth[n - 2] = 0;
  for (std::size_t i = n - 2; i-- > 0;) depth[i] = depth[joint_parent[i]] + 1;
  int counts[kLiteralBits + 3] = {};
  u32 taken = 0;  // of the code space, in units of its smallest part
  for (std::size_t i = 0; i < n; ++i) {
    const int bits = std::min(depth[leaf_parent[i]] + 1, most);
    ++counts[bits];
    taken += 1u << (most - bits);
  }
  // Too long ones were cut: each step gives one of them the place beside a shorter one, which becomes one bit longer.
  for (; taken > 1u << most; --taken) {
    int bits = most - 1;
    while (counts[bits] == 0) --bits;
    --counts[bits];
    counts[bits + 1] += 2;
    --counts[most];
  }
  std::size_t next = n;
  for (int bits = 1; bits <= most; ++bits) {
    for (int k = 0; k < counts[bits]; ++k) lengths[symbol(--next)] = static_cast<u8>(bits);
  }
}

void assign_codes(const u8* lengths, std::size_t count, u32* codes) {
  u32 counts[16] = {};
  for (std::size_t i = 0; i < count; ++i) ++counts[lengths[i]];
  counts[0] = 0;
  u32 next[16] = {};
  for (int bits = 1; bits < 16; ++bits) next[bits] = (next[bits - 1] + counts[bits - 1]) << 1;
  for (std::size_t i = 0; i < count; ++i) {
    const u32 bits = lengths[i];
    codes[i] = bits ? reversed(next[bits]++, bits) | bits << 24 : 0;
  }
}

void block_codes(const Frequencies& frequencies, BlockCodes& block) {
  u8 lengths[kMostSymbols + kDistanceSymbols];
  code_lengths(frequencies.literals, kLiteralSymbols, kLiteralBits, lengths);
  u8 distances[kDistanceSymbols] = {};
  const u32* last_distance = frequencies.distances + kDistanceSymbols;
  if (std::any_of(frequencies.distances, last_distance, [](u32 f) { return f != 0; })) {
    code_lengths(frequencies.distances, kDistanceSymbols, kLiteralBits, distances);
  } else {
    distances[0] = 1;  // one code there must be
  }
  std::size_t literals_count = kLiteralSymbols;
  while (lengths[literals_count - 1] == 0) --literals_count;  // end of block, 256, has a code
  std::size_t distances_count = kDistanceSymbols;
  while (distances[distances_count - 1] == 0) --distances_count;
  block.literals_count = static_cast<u32>(literals_count);
  block.distances_count = static_cast<u32>(distances_count);
  block.bits = bits_of_tokens(frequencies, lengths, distances);

  u8 said[kLiteralSymbols + kDistanceSymbols];
  std::memcpy(said, lengths, literals_count);
  std::memcpy(said + literals_count, distances, distances_count);
  block.header_count = header_tokens(said, literals_count + distances_count, block.header);
  u32 uses[kHeaderSymbols] = {};
  for (std::size_t i = 0; i < block.header_count; ++i) ++uses[block.header[i] & 0xff];
  code_lengths(uses, kHeaderSymbols, kHeaderBits, block.header_lengths);
  assign_codes(block.header_lengths, kHeaderSymbols, block.header_codes);
  block.header_lengths_count = kHeaderSymbols;
  while (block.header_lengths_count > 4 && block.header_lengths[kHeaderOrder[block.header_lengths_count - 1]] == 0) {
    --block.header_lengths_count;
  }
  block.bits += 3 + 5 + 5 + 4 + 3 * block.header_lengths_count;
  for (u32 i = 0; i < kHeaderSymbols; ++i) block.bits += u64{uses[i]} * (block.header_lengths[i] + header_extra(i));

  u8 fixed_literals[kMostSymbols];
  u8 fixed_distances[kDistanceSymbols];
  fixed_lengths(fixed_literals, fixed_distances);
  const u64 fixed_bits = 3 + bits_of_tokens(frequencies, fixed_literals, fixed_distances);
  block.fixed = fixed_bits <= block.bits;
  if (block.fixed) block.bits = fixed_bits;
  std::fill_n(lengths + kLiteralSymbols, kMostSymbols - kLiteralSymbols, u8{0});
  assign_codes(block.fixed ? fixed_literals : lengths, kMostSymbols, block.codes.literals);
  assign_codes(block.fixed ? fixed_distances : distances, kDistanceSymbols, block.codes.distances);
}

Bits write_header(const BlockCodes& block, bool last, Bits bits) {
  put(bits, last ? 1 : 0, 1);
  put(bits, block.fixed ? 1 : 2, 2);
  if (!block.fixed) {
    put(bits, block.literals_count - 257, 5);
    put(bits, block.distances_count - 1, 5);
    put(bits, block.header_lengths_count - 4, 4);
    for (u32 i = 0; i < block.header_lengths_count; ++i) {
      flush(bits);
      put(bits, block.header_lengths[kHeaderOrder[i]], 3);
    }
    for (std::size_t i = 0; i < block.header_count; ++i) {
      flush(bits);
      const u32 symbol = block.header[i] & 0xff;
      put(bits, block.header_codes[symbol] & 0xffffff, block.header_lengths[symbol]);
      put(bits, block.header[i] >> 8, header_extra(symbol));
    }
  }
  flush(bits);
  return bits;
}

}  // namespace rmbg::codecs
