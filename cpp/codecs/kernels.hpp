// The kernels of the codecs and their contracts. One CodecTable per tier; all tiers give the same bytes. As in
// kernels/kernels.hpp nothing is allocated, thrown, printed or timed, and source and destination never overlap.
//
// Deflate (RFC 1951) from here to there: filtered rows -> tokens and their histogram -> codes (huffman.hpp) -> bits.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rmbg::codecs {

// The filter types of PNG (section 9 of its specification) as they stand before each row.
enum Filter : std::uint8_t { kNone, kSub, kUp, kAverage, kPaeth };
constexpr int kFilters = 5;

// A row of `bytes` bytes and the one above it (zeros above a picture's first), `pixel_bytes` (1..8) bytes a pixel.
struct FilterRow {
  const std::uint8_t* row;
  const std::uint8_t* above;
  std::size_t bytes;
  std::size_t pixel_bytes;
};

// filter: dst[i] = row[i] - prediction(left, above, corner), modulo 256; what is left of the first pixel is 0.
//
// costs: costs[f] = the sum of |residual as int8| over the sampled i, those from pixel_bytes + g * step on, kGroup at a
// time, g = 0, 1, ...: a row's first pixel never counts. step >= kGroup.
constexpr std::size_t kGroup = 32;

// `literals` bytes as they are, then a match: `length` bytes that are those of `distance` bytes before. A length beyond
// 258 stands for several matches; the last token of a block may have length 0.
struct Token {
  std::uint32_t literals;
  std::uint32_t length;
  std::uint32_t distance;
};

constexpr std::size_t kLiteralSymbols = 286;  // bytes, end of block (256), lengths
constexpr std::size_t kDistanceSymbols = 30;
constexpr std::uint32_t kEndOfBlock = 256;
constexpr std::uint32_t kLongest = 258;  // of one match
constexpr std::uint32_t kShortest = 3;
constexpr std::size_t kWindow = 32768;

// How often each symbol occurs. Literals are counted in four columns, as one column would wait for itself where a byte
// follows its like; sum() of huffman.hpp adds them up.
struct Histogram {
  std::uint32_t literals[4][256];
  std::uint32_t lengths[29];
  std::uint32_t distances[kDistanceSymbols];
};

// Bytes [begin, end) of `data` become tokens at `tokens`, which has room for (end - begin) / kLeastToken + 2, and are
// added to the histogram, each byte of kShortest or fewer that a long match leaves over as a literal. Gives their
// number. At least kSlack bytes lie behind `end`; whatever they are, they change nothing.
//
// runs: where kRun or more zeros begin, the first is a literal and the others are a match of distance 1. Nothing else
// is matched. The fastest way for photographs.
//
// matches: from begin on, where position i has kLeastToken bytes before `end`. Where kRunAmongMatches zeros begin, as `runs` does.
// Else slot h = (load32(i) * 0x9E3779B1) >> (32 - kHashBits) of `heads` holds the last two positions (as i mod 65536)
// that hashed to it; then i is entered. Candidates are the distance of the call's last match (0 at first), then d = (i
// - position) mod 65536 of the later and of the earlier position; with 1 <= d <= kWindow, d <= i, each gives the number
// of equal bytes from there and from i on, up to kLongest and up to `end`. The longest counts, the first of two alike;
// it is taken where it has at least least[0] bytes, least[1] if d > 1024,
// least[2] if d > 8192, none of them below kLeastToken. Positions inside it are entered too, the first kEntered of
// them. Where nothing was taken, i is a literal. Several times slower than `runs`.
struct Tokenize {
  const std::uint8_t* data;
  std::size_t begin;
  std::size_t end;
  Token* tokens;
  Histogram* histogram;
  std::uint16_t* heads;  // 2 << kHashBits, zeros at first; this and the rest of `matches` only
  std::uint32_t least[3];
};
constexpr std::size_t kPieceBytes = 65536;
constexpr std::size_t kRun = 16;  // shorter ones cost as much as their literals
constexpr std::size_t kRunAmongMatches = 8;
constexpr std::size_t kLeastToken = 4;
constexpr std::size_t kSlack = 64;
constexpr int kHashBits = 13;
constexpr std::size_t kEntered = 24;

// repeats: of the places in `bytes` bytes, at most kPieceBytes, where one that is not 0 follows a 0 and kRepeatBytes lie
// from there on, the first kMostPlaces: how many there are, and how often those bytes are the ones at the last such place
// with the same hash, (load64 * kRepeatHash) >> (64 - kRepeatBits). `heads` is scratch, 1 << kRepeatBits. At least
// kSlack bytes lie behind.
struct Repeats {
  std::uint32_t places;
  std::uint32_t seen;
};
constexpr std::uint32_t kMostPlaces = 1024;
constexpr std::size_t kRepeatBytes = 24;  // of 16, smooth photos repeat as many by chance as drawings do
constexpr int kRepeatBits = 10;
constexpr std::uint64_t kRepeatHash = 0x9E3779B97F4A7C15;

// Bits as deflate packs them: from the lowest of a byte up. Fewer than 8 are held in `held` between calls; what lies
// above them is 0.
struct Bits {
  std::uint8_t* at;
  std::uint64_t held;
  std::uint32_t count;
};

// Of each symbol its code, first bit lowest, below its length << 24; those of lengths and distances with room in
// between for nothing else: extra bits follow from deflate_symbols.hpp. Literals and lengths have at most kLiteralBits.
struct Codes {
  std::uint32_t literals[kLiteralSymbols + 2];
  std::uint32_t distances[kDistanceSymbols + 2];
};
constexpr int kLiteralBits = 14;  // four codes and seven bits fit 64
constexpr int kDistanceBits = 15;

// write: the codes of the tokens of the bytes from `data` on. May write up to 8 bytes beyond the last bit.
struct WriteTokens {
  const std::uint8_t* data;
  const Token* tokens;
  std::size_t count;
  const Codes* codes;
};

// adler32 (RFC 1950, starts with 1) and crc32 (that of PNG and zlib, starts with 0) of what came before and `bytes`
// more bytes.
struct CodecTable {
  const char* name;
  void (*filter)(Filter filter, const FilterRow& job, std::uint8_t* dst);
  void (*costs)(const FilterRow& job, std::size_t step, std::uint64_t costs[kFilters]);
  std::size_t (*runs)(const Tokenize& job);
  std::size_t (*matches)(const Tokenize& job);
  Repeats (*repeats)(const std::uint8_t* data, std::size_t bytes, std::uint16_t* heads);
  Bits (*write)(const WriteTokens& job, Bits bits);
  std::uint32_t (*adler32)(std::uint32_t before, const std::uint8_t* data, std::size_t bytes);
  std::uint32_t (*crc32)(std::uint32_t before, const std::uint8_t* data, std::size_t bytes);
};

extern const CodecTable reference_table;

}  // namespace rmbg::codecs
