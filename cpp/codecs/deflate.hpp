// A band of bytes to deflate's blocks, each coded in the cheapest way: by codes of its own, the fixed ones, or stored.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codecs/huffman.hpp"
#include "codecs/kernels.hpp"
#include "core/buffer.hpp"

namespace rmbg::codecs {

constexpr std::size_t kBlockSymbols = 65536;  // a block ends with the piece that brings it to as many
constexpr std::size_t kStoredBytes = 65535;   // of one stored block

// An upper bound of what a band of `bytes` bytes becomes, whatever they are, with the end that end_band gives it.
//
// A block of n bytes is stored where its codes would take more bits than that. Stored it is ceil(n / 65535) pieces: the
// first has 3 bits, at most 7 to the next byte, 32 for its length and its 8 bits a byte; each further one 40 and those.
// So a block takes at most 8 n + 42 ceil(n / 65535) bits. Every block but the band's last has at least 65536 symbols,
// each for one byte or more, and so more than 65535 bytes: there are at most floor(bytes / 65535) + 1 blocks, and
// ceil(n / 65535) over all of them sums to no more than 2 floor(bytes / 65535) + 1. 42 bits are fewer than 6 bytes. At
// the end come the empty stored block's 3 bits, at most 7 to the next byte and 4 bytes, or at most 7 bits alone: 6
// more.
constexpr std::size_t deflated_bound(std::size_t bytes) { return bytes + 6 * (2 * (bytes / kStoredBytes) + 1) + 6; }

class BandDeflater {
 public:
  // For bands of at most `bytes` bytes.
  BandDeflater(const CodecTable& table, std::size_t bytes);

  // Where the band's bytes are to be put, kSlack more of room behind them.
  std::uint8_t* data() { return data_; }
  // A new band that is written from `to` on, where deflated_bound and 8 bytes have room.
  void begin_band(std::uint8_t* to);
  // data() is filled up to `bytes`: as much as makes whole pieces is taken, with `all` the rest too.
  void add(std::size_t bytes, bool all);
  // Ends the band with an empty stored block, at a whole byte, or the whole stream. Gives the end of what was written.
  std::uint8_t* end_band(bool last);
  std::uint32_t adler() const { return adler_; }

 private:
  void take_piece(std::size_t end);
  bool has_repeats(std::size_t bytes, std::uint64_t literals);
  void end_block(bool last);
  void store_block(bool last);

  const CodecTable& table_;
  Buffer memory_;
  std::uint8_t* data_;
  std::size_t bytes_;
  Token* tokens_;  // of the block
  Token* others_;  // of a piece, by matches
  std::uint16_t* heads_;
  bool heads_ready_ = false;
  std::uint32_t wait_ = 0;   // so many pieces are not looked through for repeats
  std::uint32_t pause_ = 0;  // longer each time that matches were not worth it
  std::size_t block_begin_ = 0;
  std::size_t taken_ = 0;
  std::size_t token_count_ = 0;
  std::size_t symbols_ = 0;
  Histogram histogram_{};
  Histogram by_runs_{};
  Histogram by_matches_{};
  BlockCodes block_{};
  Bits bits_{};
  std::uint32_t adler_ = 1;
};

// Of a + b, where b is `bytes` long.
std::uint32_t adler32_of_both(std::uint32_t a, std::uint32_t b, std::uint64_t bytes);

}  // namespace rmbg::codecs
