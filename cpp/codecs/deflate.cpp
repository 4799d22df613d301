#include "codecs/deflate.hpp"

#include <algorithm>
#include <cstring>

#include "codecs/bits.hpp"

namespace rmbg::codecs {
namespace {

constexpr std::size_t kHeadsBytes = (std::size_t{2} << kHashBits) * sizeof(std::uint16_t);

std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

std::size_t piece_tokens(std::size_t band) { return std::min(kPieceBytes, band) / kLeastToken + 2; }
std::size_t most_tokens(std::size_t band) { return std::min(kBlockSymbols, band) + piece_tokens(band); }

constexpr std::uint32_t kMatchBits[3] = {18, 22, 26};  // what a match costs, about: near, farther, far
constexpr std::uint32_t kMostLeast = 32;
// Chance repeats grow with the number of places: of `places`, more than max(places, kFewPlaces) / kRepeatScale of them
// must have been seen before. In photographs it is a fiftieth at most, in text and drawings a tenth to nearly all.
constexpr std::uint32_t kRepeatScale = 8192;
constexpr std::uint32_t kFewPlaces = 682;
constexpr std::uint32_t kNoPlaces = 8;

std::uint64_t literals_of(const Frequencies& all) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < 256; ++i) count += all.literals[i];
  return count;
}

void add_up(Histogram& to, const Histogram& more) {
  auto* sums = reinterpret_cast<std::uint32_t*>(&to);
  const auto* terms = reinterpret_cast<const std::uint32_t*>(&more);
  for (std::size_t i = 0; i < sizeof to / sizeof *sums; ++i) sums[i] += terms[i];
}

}  // namespace

BandDeflater::BandDeflater(const CodecTable& table, std::size_t bytes) : table_(table), bytes_(bytes) {
  const std::size_t room = aligned(bytes + kSlack);
  const std::size_t heads = aligned(kHeadsBytes);
  memory_.reserve(room + heads + (most_tokens(bytes) + piece_tokens(bytes)) * sizeof(Token));
  data_ = static_cast<std::uint8_t*>(memory_.data());
  heads_ = reinterpret_cast<std::uint16_t*>(data_ + room);
  tokens_ = reinterpret_cast<Token*>(data_ + room + heads);
  others_ = tokens_ + most_tokens(bytes);
}

void BandDeflater::begin_band(std::uint8_t* to) {
  bits_ = {to, 0, 0};
  block_begin_ = taken_ = token_count_ = symbols_ = 0;
  heads_ready_ = false;
  wait_ = pause_ = 0;
  std::memset(&histogram_, 0, sizeof histogram_);
  adler_ = 1;
}

void BandDeflater::add(std::size_t bytes, bool all) {
  while (bytes - taken_ >= kPieceBytes || (all && bytes > taken_)) {
    if (symbols_ >= kBlockSymbols) end_block(false);
    take_piece(std::min(bytes, taken_ + kPieceBytes));
  }
}

void BandDeflater::take_piece(std::size_t end) {
  adler_ = table_.adler32(adler_, data_ + taken_, end - taken_);
  std::memset(&by_runs_, 0, sizeof by_runs_);
  Tokenize job{data_, taken_, end, tokens_ + token_count_, &by_runs_, heads_, {}};
  std::size_t count = table_.runs(job);
  const Histogram* histogram = &by_runs_;
  const Frequencies all = sum(by_runs_);
  const std::uint64_t literals = literals_of(all);
  if (has_repeats(end - taken_, literals)) {
    block_codes(all, block_);
    const std::uint64_t run_bits = block_.bits;
    for (int k = 0; k < 3; ++k) {
      const std::uint64_t least = (kMatchBits[k] * literals + run_bits - 1) / run_bits;
      job.least[k] = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(least, kLeastToken, kMostLeast));
    }
    if (!heads_ready_) std::memset(heads_, 0, kHeadsBytes);
    heads_ready_ = true;
    std::memset(&by_matches_, 0, sizeof by_matches_);
    job.histogram = &by_matches_;
    job.tokens = others_;
    const std::size_t other_count = table_.matches(job);
    block_codes(sum(by_matches_), block_);
    if (block_.bits < run_bits) {
      std::copy_n(others_, other_count, tokens_ + token_count_);
      count = other_count;
      histogram = &by_matches_;
    }
    // Where there is little but runs, the search takes no time either.
    const bool lost = block_.bits >= run_bits - run_bits / 32 && 8 * literals > end - taken_;
    pause_ = lost ? 2 * pause_ + 2 : 0;
    wait_ = pause_;
  }
  add_up(histogram_, *histogram);
  for (const Token* token = tokens_ + token_count_; token != tokens_ + token_count_ + count; ++token) {
    symbols_ += token->literals + (token->length != 0);
  }
  token_count_ += count;
  taken_ = end;
}

// Whether there may be repeats other than runs, as in text, icons and patterns: searching for matches takes several
// times as long as runs alone, and gains nothing in photographs.
bool BandDeflater::has_repeats(std::size_t bytes, std::uint64_t literals) {
  if (wait_) {
    --wait_;
    return false;
  }
  if (bytes_ < kPieceBytes) return true;
  std::uint16_t heads[std::size_t{1} << kRepeatBits];
  const Repeats found = table_.repeats(data_ + taken_, bytes, heads);
  if (found.places < kNoPlaces) return 8 * literals > bytes;
  return kRepeatScale * found.seen > found.places * std::max(found.places, kFewPlaces);
}

void BandDeflater::end_block(bool last) {
  const std::uint64_t bytes = taken_ - block_begin_;
  const std::uint64_t pieces = std::max<std::uint64_t>(1, (bytes + kStoredBytes - 1) / kStoredBytes);
  const std::uint64_t to_byte = (8 - (bits_.count + 3) % 8) % 8;
  const std::uint64_t stored = 3 + to_byte + 32 + 40 * (pieces - 1) + 8 * bytes;
  block_codes(sum(histogram_), block_);
  if (block_.bits < stored) {
    bits_ = write_header(block_, last, bits_);
    bits_ = table_.write({data_ + block_begin_, tokens_, token_count_, &block_.codes}, bits_);
    const std::uint32_t end = block_.codes.literals[kEndOfBlock];
    put(bits_, end & 0xffffff, end >> 24);
    flush(bits_);
  } else {
    store_block(last);
  }
  block_begin_ = taken_;
  token_count_ = symbols_ = 0;
  std::memset(&histogram_, 0, sizeof histogram_);
}

void BandDeflater::store_block(bool last) {
  do {
    const std::size_t bytes = std::min(kStoredBytes, taken_ - block_begin_);
    put(bits_, last && block_begin_ + bytes == taken_ ? 1 : 0, 3);
    align(bits_);
    put(bits_, bytes | (~bytes & 0xffff) << 16, 32);
    flush(bits_);
    std::memcpy(bits_.at, data_ + block_begin_, bytes);
    bits_.at += bytes;
    block_begin_ += bytes;
  } while (block_begin_ < taken_);
}

std::uint8_t* BandDeflater::end_band(bool last) {
  end_block(last);
  if (!last) {
    put(bits_, 0, 3);
    align(bits_);
    put(bits_, 0xffff0000, 32);
  }
  align(bits_);
  return bits_.at;
}

std::uint32_t adler32_of_both(std::uint32_t a, std::uint32_t b, std::uint64_t bytes) {
  constexpr std::uint64_t kModulus = 65521;
  const std::uint64_t a_sum = a & 0xffff;
  const std::uint64_t n = bytes % kModulus;
  // b's own sums began with 1, which a's take the place of.
  const std::uint64_t low = (a_sum + (b & 0xffff) + kModulus - 1) % kModulus;
  const std::uint64_t high = ((a >> 16) + (b >> 16) + n * a_sum + kModulus - n) % kModulus;
  return static_cast<std::uint32_t>(high << 16 | low);
}

}  // namespace rmbg::codecs
