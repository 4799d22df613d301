// The PNG encoder: every tier that runs here against the reference, byte for byte, and the files against a plain
// decoder.
//   check_codecs [ROUNDS | SECONDSs] [SEED]      e.g. check_codecs 2000, check_codecs 20s 7
// First every size to 65 x 65, then random pictures. Memory is allocated to the byte, with guards behind what is
// written.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "codecs/dispatch.hpp"
#include "codecs/huffman.hpp"
#include "codecs/png_encode.hpp"
#include "core/error.hpp"
#include "plain_png.hpp"

namespace {

using namespace rmbg;
using namespace rmbg::codecs;
using Bytes = std::vector<std::uint8_t>;
using Tiers = std::vector<const CodecTable*>;

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::int32_t between(std::int32_t low, std::int32_t high) {  // both included
    return low + static_cast<std::int32_t>(engine_() % static_cast<std::uint32_t>(high - low + 1));
  }
  bool one_in(std::int32_t n) { return between(1, n) == 1; }
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[between(0, static_cast<std::int32_t>(values.size()) - 1)];
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(engine_() >> 11); }

 private:
  std::mt19937 engine_;
};

[[noreturn]] void fail(const std::string& what) {
  std::printf("MISMATCH: %s\n0 passed, 1 failed\n", what.c_str());
  std::exit(1);
}
void expect(bool right, const CodecTable& tier, const std::string& what) {
  if (!right) fail(std::string(tier.name) + ": " + what);
}

// Bytes like those of pictures and of their residuals: noise, constants, slopes, runs, repeats, words from a few.
void fill(Random& random, std::uint8_t* data, std::size_t bytes) {
  const std::int32_t kind = random.between(0, 7);
  const std::uint8_t constant = random.pick<std::uint8_t>({0, 0, 1, 128, 255});
  const std::int32_t rare = random.pick({2, 9, 40, 300});
  const std::int32_t period = random.between(1, random.pick({4, 16, 300, 40000}));
  const std::int32_t range = random.pick({2, 3, 6, 30});
  for (std::size_t i = 0; i < bytes; ++i) {
    const std::uint8_t before = i ? data[i - 1] : 0;
    switch (kind) {
      case 0:
        data[i] = random.byte();
        break;
      case 1:
        data[i] = constant;
        break;
      case 2:
        data[i] = static_cast<std::uint8_t>(before + random.between(-1, 2));
        break;
      case 3:
        data[i] = random.one_in(rare) ? random.byte() : 0;
        break;
      case 4:
        data[i] = random.one_in(rare) ? random.byte() : before;
        break;
      case 5:
        data[i] = i >= static_cast<std::size_t>(period) && !random.one_in(10 * rare)
                      ? data[i - static_cast<std::size_t>(period)]
                      : random.byte();
        break;
      case 6:
        data[i] = static_cast<std::uint8_t>(random.between(0, range));
        break;
      default:
        data[i] = random.one_in(rare) ? constant : static_cast<std::uint8_t>(random.between(-1, 1));
    }
  }
}

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

// A picture of samples anywhere in memory, and its samples as a file has them.
struct Picture {
  Bytes memory;
  ImageView view;
  Bytes expected;
};

Picture random_picture(Random& random, std::int32_t width, std::int32_t height) {
  Picture picture;
  const std::int32_t channels = random.between(1, 4);
  const Sample sample = random.pick({Sample::u8, Sample::u8, Sample::u16});
  const std::ptrdiff_t size = bytes_of(sample);
  const std::ptrdiff_t packed = size * channels;
  const bool planar = random.one_in(6);
  const std::ptrdiff_t gap = random.one_in(3) ? random.between(1, 5) * size : 0;
  const std::ptrdiff_t pixel_stride = planar ? size : packed + (random.one_in(6) ? gap : 0);
  const std::ptrdiff_t row = planar ? size * width : pixel_stride * (width - 1) + packed;
  const std::ptrdiff_t stride = row + gap;
  const std::ptrdiff_t plane = planar ? stride * height : size;
  const std::ptrdiff_t bytes = (planar ? plane * (channels - 1) : 0) + stride * (height - 1) + row;
  picture.memory.resize(static_cast<std::size_t>(bytes));
  for (std::ptrdiff_t i = 0; i < bytes;) {  // bands of other kinds
    const auto part = std::min<std::ptrdiff_t>(bytes - i, stride * random.between(1, 200));
    fill(random, picture.memory.data() + i, static_cast<std::size_t>(part));
    i += part;
  }
  if (random.one_in(3) && !planar) {  // rows like those above, or moved
    for (std::int32_t y = 1; y < height; ++y) {
      if (random.one_in(3)) continue;
      const auto at = picture.memory.begin() + stride * y;
      std::copy_n(at - stride, row, at);
    }
  }
  const std::uint8_t* first = picture.memory.data();
  picture.view = {first, width, height, channels, stride, sample, pixel_stride, plane};
  if (random.one_in(4)) {
    picture.view.data = first + stride * (height - 1);
    picture.view.stride = -stride;
  }
  for (std::int32_t y = 0; y < height; ++y) {
    for (std::int32_t x = 0; x < width; ++x) {
      for (std::int32_t c = 0; c < channels; ++c) {
        const std::uint8_t* p = static_cast<const std::uint8_t*>(picture.view.data) + y * picture.view.stride +
                                x * pixel_stride + c * plane;
        for (std::ptrdiff_t k = size; k-- > 0;) picture.expected.push_back(p[k]);
      }
    }
  }
  return picture;
}

void check_file(Random& random, const Tiers& tiers, std::int32_t width, std::int32_t height) {
  const Picture picture = random_picture(random, width, height);
  const std::uint8_t body[] = {1, 2, 3};
  std::vector<PngChunk> chunks;
  if (random.one_in(3)) chunks.push_back({{'t', 'e', 'S', 't'}, body, random.one_in(2) ? sizeof body : 0});
  const std::size_t bound = png_bound(picture.view, chunks);
  constexpr std::size_t kGuard = 64;
  const auto encoded = [&](const CodecTable& tier, int threads) {
    Bytes file(bound + kGuard, 0xa5);
    const std::size_t size = png_encode(tier, picture.view, chunks, threads, file.data());
    expect(size <= bound, tier, "a file beyond its bound");
    const auto guard = file.begin() + static_cast<std::ptrdiff_t>(bound);
    expect(std::all_of(guard, file.end(), [](std::uint8_t b) { return b == 0xa5; }), tier, "written beyond the bound");
    file.resize(size);
    return file;
  };
  const std::string name = std::to_string(width) + " x " + std::to_string(height) + " x " +
                           std::to_string(picture.view.channels) + (picture.view.sample == Sample::u16 ? " wide" : "");
  const Bytes file = encoded(reference_table, 1);
  try {
    const plain_png::Picture back = plain_png::decode(file.data(), file.size());
    const bool shaped = back.width == static_cast<std::uint32_t>(width) &&
                        back.height == static_cast<std::uint32_t>(height) &&
                        back.channels == static_cast<std::uint32_t>(picture.view.channels);
    expect(shaped && back.samples == picture.expected, reference_table, "other pixels: " + name);
    expect(back.rest == (chunks.empty() ? "" : "teSt"), reference_table, "chunks: " + name);
  } catch (const std::runtime_error& error) {
    fail(name + ": " + error.what());
  }
  for (const CodecTable* tier : tiers) {
    for (const int threads : {1, random.between(2, 5)}) {
      expect(encoded(*tier, threads) == file, *tier, "another file: " + name);
    }
  }
}

void check_any_file(Random& random, const Tiers& tiers) {
  if (random.one_in(60)) return check_file(random, tiers, random.between(300, 900), random.between(300, 900));
  if (random.one_in(60)) return check_file(random, tiers, random.between(20000, 300000), random.between(1, 4));
  if (random.one_in(60)) return check_file(random, tiers, random.between(1, 3), random.between(20000, 300000));
  check_file(random, tiers, random.between(1, 140), random.between(1, 140));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string amount = argc > 1 ? argv[1] : "300";
  const auto seed = static_cast<std::uint32_t>(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1);
  const bool timed = amount.back() == 's';
  const long limit = std::strtol(amount.c_str(), nullptr, 10);
  Tiers tiers = codecs::tiers();
  std::printf("check_codecs %s %u:", amount.c_str(), seed);
  for (const CodecTable* tier : tiers) std::printf(" %s", tier->name);
  std::printf("\n");
  tiers.erase(tiers.begin());
  Random random(seed);
  if (!timed) {
    for (std::int32_t height = 1; height <= 65; ++height) {
      for (std::int32_t width = 1; width <= 65; ++width) check_file(random, tiers, width, height);
    }
  }
  const auto start = std::chrono::steady_clock::now();
  long round = 0;
  for (; timed ? std::chrono::steady_clock::now() - start < std::chrono::seconds(limit) : round < limit; ++round) {
    check_filters(random, tiers);
    check_deflate(random, tiers);
    check_code_lengths(random);
    check_any_file(random, tiers);
  }
  std::printf("%ld rounds: all passed, 0 failed\n", round);
  return 0;
}
