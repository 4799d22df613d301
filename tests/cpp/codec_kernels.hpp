// The kernels of the codecs one by one, every tier against the reference, and the codes of the blocks.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "codec_support.hpp"
#include "codecs/huffman.hpp"

namespace {

void check_filters(Random& random, const Tiers& tiers) {
  const auto pixel = static_cast<std::size_t>(random.pick({1, 2, 3, 4, 6, 8}));
  const std::size_t bytes = pixel * static_cast<std::size_t>(random.between(1, random.pick({3, 20, 300})));
  const auto row = std::make_unique<std::uint8_t[]>(bytes);
  const auto above = std::make_unique<std::uint8_t[]>(bytes);
  fill(random, row.get(), bytes);
  fill(random, above.get(), bytes);
  const FilterRow job{row.get(), above.get(), bytes, pixel};
  const auto step = static_cast<std::size_t>(random.pick({32, 33, 64, 200}));
  std::uint64_t costs[kFilters];
  reference_table.costs(job, step, costs);
  for (const CodecTable* tier : tiers) {
    for (const Filter filter : {kNone, kSub, kUp, kAverage, kPaeth}) {
      const auto expected = std::make_unique<std::uint8_t[]>(bytes);
      const auto got = std::make_unique<std::uint8_t[]>(bytes);
      reference_table.filter(filter, job, expected.get());
      tier->filter(filter, job, got.get());
      expect(std::equal(got.get(), got.get() + bytes, expected.get()), *tier, "filter " + std::to_string(filter));
    }
    std::uint64_t sums[kFilters];
    tier->costs(job, step, sums);
    expect(std::equal(sums, sums + kFilters, costs), *tier, "costs");
  }
}

struct Tokenized {
  std::vector<Token> tokens;
  Frequencies sums;
  std::vector<std::uint16_t> heads;
};

// Twice in a row, as a band's pieces are; the bytes behind the end change nothing.
Tokenized tokenize(const CodecTable& tier, const Bytes& data, std::size_t bytes, std::size_t cut, bool matches,
                   const std::uint32_t least[3], std::uint8_t behind) {
  const auto exact = std::make_unique<std::uint8_t[]>(bytes + kSlack);
  std::copy_n(data.begin(), bytes, exact.get());
  std::fill_n(exact.get() + bytes, kSlack, behind);
  Tokenized all;
  all.heads.resize(std::size_t{2} << kHashBits);
  Histogram histogram{};
  for (const auto& [begin, end] : {std::pair{std::size_t{0}, cut}, std::pair{cut, bytes}}) {
    if (begin == end) continue;
    std::vector<Token> part((end - begin) / kLeastToken + 2);
    const Tokenize job{
        exact.get(), begin, end, part.data(), &histogram, all.heads.data(), {least[0], least[1], least[2]}};
    part.resize(matches ? tier.matches(job) : tier.runs(job));
    all.tokens.insert(all.tokens.end(), part.begin(), part.end());
  }
  all.sums = sum(histogram);
  return all;
}

bool same(const Token& a, const Token& b) {
  return a.literals == b.literals && a.length == b.length && (a.length == 0 || a.distance == b.distance);
}

void check_deflate(Random& random, const Tiers& tiers) {
  const auto bytes = static_cast<std::size_t>(random.between(1, random.pick({10, 100, 3000, 70000})));
  Bytes data(bytes);
  for (std::size_t i = 0; i < bytes;) {
    const auto part = std::min(bytes - i, static_cast<std::size_t>(random.between(1, 20000)));
    fill(random, data.data() + i, part);
    i += part;
  }
  const std::size_t cut = random.one_in(2) ? 0 : static_cast<std::size_t>(random.between(0, static_cast<int>(bytes)));
  const bool matches = random.one_in(2);
  std::uint32_t least[3];
  for (std::uint32_t& one : least) one = static_cast<std::uint32_t>(random.between(4, random.pick({4, 10, 32})));
  const Tokenized expected = tokenize(reference_table, data, bytes, cut, matches, least, 0);
  std::size_t covered = 0;
  for (const Token& token : expected.tokens) covered += token.literals + token.length;
  expect(covered == bytes, reference_table, "tokens do not cover the data");
  BlockCodes block{};
  block_codes(expected.sums, block);
  const std::size_t room = static_cast<std::size_t>(block.bits / 8) + 16;
  const auto written = [&](const CodecTable& tier) {
    Bytes out(room);
    Bits bits = write_header(block, true, {out.data(), 0, 0});
    const auto exact = std::make_unique<std::uint8_t[]>(bytes);
    std::copy(data.begin(), data.end(), exact.get());
    bits = tier.write({exact.get(), expected.tokens.data(), expected.tokens.size(), &block.codes}, bits);
    const std::uint64_t end = block.codes.literals[kEndOfBlock] >> 24;
    const auto count = static_cast<std::uint64_t>(bits.at - out.data()) * 8 + bits.count + end;
    expect(count == block.bits, tier, "the number of bits");
    *bits.at = static_cast<std::uint8_t>(bits.held);
    out.resize(static_cast<std::size_t>(bits.at - out.data()) + 1);
    return out;
  };
  const Bytes stream = written(reference_table);
  std::uint16_t heads[std::size_t{1} << kRepeatBits];
  Bytes slack = data;
  slack.resize(bytes + kSlack);
  const std::size_t looked = std::min(bytes, kPieceBytes);
  const Repeats repeats = reference_table.repeats(slack.data(), looked, heads);
  for (const CodecTable* tier : tiers) {
    const Tokenized got = tokenize(*tier, data, bytes, cut, matches, least, random.pick<std::uint8_t>({0, 1, 255}));
    const bool alike =
        std::equal(got.tokens.begin(), got.tokens.end(), expected.tokens.begin(), expected.tokens.end(), same);
    expect(alike, *tier, matches ? "matches" : "runs");
    expect(std::memcmp(&got.sums, &expected.sums, sizeof got.sums) == 0, *tier, "histogram");
    expect(!matches || got.heads == expected.heads, *tier, "entered positions");
    expect(written(*tier) == stream, *tier, "write");
    const Repeats seen = tier->repeats(slack.data(), looked, heads);
    expect(seen.places == repeats.places && seen.seen == repeats.seen, *tier, "repeats");
    const std::size_t part = bytes - bytes / 3;
    const std::uint32_t adler = reference_table.adler32(1, data.data(), bytes);
    expect(tier->adler32(tier->adler32(1, data.data(), part), data.data() + part, bytes - part) == adler, *tier,
           "adler32");
    const std::uint32_t crc = reference_table.crc32(0, data.data(), bytes);
    expect(tier->crc32(tier->crc32(0, data.data(), part), data.data() + part, bytes - part) == crc, *tier, "crc32");
  }
}

// A prefix code must fill its space and none of its codes be too long, whatever the frequencies.
void check_code_lengths(Random& random) {
  const auto count = static_cast<std::size_t>(random.between(1, static_cast<std::int32_t>(kLiteralSymbols)));
  const int most = random.pick({9, 14, 14});
  std::vector<std::uint32_t> frequencies(count);
  double steep = 1;
  const double base = random.pick({1.0, 1.1, 1.7, 2.5});
  std::uint64_t all = 0;
  for (std::uint32_t& f : frequencies) {
    f = random.one_in(3) ? 0 : static_cast<std::uint32_t>(1 + random.between(0, 50) * std::min(steep, 1e6));
    all += f;
    steep *= base;
  }
  if (all == 0) frequencies[0] = 1;
  std::vector<std::uint8_t> lengths(count);
  code_lengths(frequencies.data(), count, most, lengths.data());
  std::uint32_t taken = 0;
  std::size_t used = 0;
  for (std::size_t i = 0; i < count; ++i) {
    expect((lengths[i] != 0) == (frequencies[i] != 0) && lengths[i] <= most, reference_table, "code lengths");
    taken += lengths[i] ? 1u << (most - lengths[i]) : 0;
    used += lengths[i] != 0;
  }
  expect(used == 1 || taken == 1u << most, reference_table, "the code space");
}

}  // namespace
