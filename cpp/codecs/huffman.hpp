// Codes of a deflate block from its histogram, and how the block's header says them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codecs/kernels.hpp"

namespace rmbg::codecs {

// How often each symbol occurs: literals, end of block (once) and lengths in one row, and the distances.
struct Frequencies {
  std::uint32_t literals[kLiteralSymbols];
  std::uint32_t distances[kDistanceSymbols];
};
Frequencies sum(const Histogram& histogram);

// lengths[i] = the bits of symbol i's code in a prefix code that is optimal for `frequencies`, or nearly so where that
// would need more than `most` bits for a symbol; 0 where the frequency is 0. A single symbol gets one bit. count <=
// 288, at least one frequency is not 0, their sum below 2^32.
void code_lengths(const std::uint32_t* frequencies, std::size_t count, int most, std::uint8_t* lengths);

// The code of each symbol as Codes has it, from the lengths (RFC 1951, section 3.2.2).
void assign_codes(const std::uint8_t* lengths, std::size_t count, std::uint32_t* codes);

// A block's codes, how many bits it takes with them in all, and its header.
struct BlockCodes {
  Codes codes;
  std::uint64_t bits;  // the three that begin a block, header, tokens and end

  // The header's tokens: a symbol of the code for code lengths, below its extra bits << 8.
  std::uint16_t header[kLiteralSymbols + kDistanceSymbols];
  std::size_t header_count;
  std::uint32_t header_codes[19];
  std::uint8_t header_lengths[19];
  std::uint32_t header_lengths_count;
  std::uint32_t literals_count;
  std::uint32_t distances_count;
  bool fixed;  // the codes of RFC 1951, section 3.2.6: no header
};

// The better of codes made for the block and the fixed ones.
void block_codes(const Frequencies& frequencies, BlockCodes& block);
// How a block begins: is it the last one, its type, its header. At most 8 bytes beyond the last bit are written.
Bits write_header(const BlockCodes& block, bool last, Bits bits);

}  // namespace rmbg::codecs
