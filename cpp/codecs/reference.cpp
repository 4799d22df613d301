// The codecs' kernels in the plainest way: the specification of the tiers.
#include <algorithm>
#include <cstdlib>

#include "codecs/deflate_symbols.hpp"
#include "codecs/kernels.hpp"
#include "codecs/paeth.hpp"

namespace rmbg::codecs {
namespace {

using u8 = std::uint8_t;
using u32 = std::uint32_t;

u8 residual(int filter, const FilterRow& job, std::size_t i) {
  const int left = i < job.pixel_bytes ? 0 : job.row[i - job.pixel_bytes];
  const int corner = i < job.pixel_bytes ? 0 : job.above[i - job.pixel_bytes];
  const int up = job.above[i];
  const int predictions[] = {0, left, up, (left + up) / 2, paeth(left, up, corner)};
  return static_cast<u8>(job.row[i] - predictions[filter]);
}

void filter(Filter type, const FilterRow& job, u8* dst) {
  for (std::size_t i = 0; i < job.bytes; ++i) dst[i] = residual(type, job, i);
}

void costs(const FilterRow& job, std::size_t step, std::uint64_t sums[kFilters]) {
  for (int f = 0; f < kFilters; ++f) {
    sums[f] = 0;
    for (std::size_t group = job.pixel_bytes; group < job.bytes; group += step) {
      for (std::size_t i = group; i < std::min(group + kGroup, job.bytes); ++i) {
        sums[f] += static_cast<std::uint64_t>(std::abs(static_cast<std::int8_t>(residual(f, job, i))));
      }
    }
  }
}

// Collects tokens; literals are counted where they lie, a match by its parts.
struct Collector {
  const Tokenize& job;
  std::size_t count = 0;
  u32 literals = 0;

  void literal(std::size_t i) {
    ++job.histogram->literals[0][job.data[i]];
    ++literals;
  }
  void match(std::size_t i, std::size_t length, std::size_t distance) {
    const auto all = static_cast<u32>(length);
    job.tokens[count++] = {literals, all, static_cast<u32>(distance)};
    literals = 0;
    const u32 symbol = distance_symbol(static_cast<u32>(distance)).symbol;
    const Split parts = split(all);
    job.histogram->lengths[28] += parts.full;
    job.histogram->distances[symbol] += parts.full;
    if (parts.rest >= kShortest) {
      ++job.histogram->lengths[kLengths.of[parts.rest]];
      ++job.histogram->distances[symbol];
    } else {
      for (u32 k = 0; k < parts.rest; ++k) ++job.histogram->literals[0][job.data[i + length - 1 - k]];
    }
  }
  std::size_t finish() {
    if (literals) job.tokens[count++] = {literals, 0, 0};
    return count;
  }
};

std::size_t zeros_at(const Tokenize& job, std::size_t i) {
  std::size_t zeros = 0;
  while (i + zeros < job.end && job.data[i + zeros] == 0) ++zeros;
  return zeros;
}

std::size_t runs(const Tokenize& job) {
  Collector out{job};
  for (std::size_t i = job.begin; i < job.end;) {
    const std::size_t zeros = zeros_at(job, i);
    out.literal(i);
    if (zeros >= kRun) out.match(i + 1, zeros - 1, 1);
    i += zeros >= kRun ? zeros : 1;
  }
  return out.finish();
}

std::size_t matches(const Tokenize& job) {
  Collector out{job};
  const auto hash = [&](std::size_t i) {
    const u8* p = job.data + i;
    const u32 word = p[0] | u32{p[1]} << 8 | u32{p[2]} << 16 | u32{p[3]} << 24;
    return 2 * static_cast<std::size_t>((word * 0x9E3779B1u) >> (32 - kHashBits));
  };
  const auto enter = [&](std::size_t i, std::size_t slot) {
    job.heads[slot + 1] = job.heads[slot];
    job.heads[slot] = static_cast<std::uint16_t>(i);
  };
  std::size_t i = job.begin;
  std::size_t last = 0;
  while (i + kLeastToken <= job.end) {
    if (const std::size_t zeros = zeros_at(job, i); zeros >= kRunAmongMatches) {
      out.literal(i);
      out.match(i + 1, zeros - 1, 1);
      i += zeros;
      continue;
    }
    const std::size_t slot = hash(i);
    std::size_t longest = 0;
    std::size_t at = 0;
    const std::size_t distances[] = {last, (i - job.heads[slot]) & 0xffff, (i - job.heads[slot + 1]) & 0xffff};
    for (const std::size_t distance : distances) {
      if (distance < 1 || distance > kWindow || distance > i) continue;
      std::size_t length = 0;
      while (length < kLongest && i + length < job.end && job.data[i + length] == job.data[i + length - distance]) {
        ++length;
      }
      if (length > longest) {
        longest = length;
        at = distance;
      }
    }
    enter(i, slot);
    if (longest < job.least[at > 8192 ? 2 : at > 1024 ? 1 : 0]) {
      out.literal(i++);
      continue;
    }
    for (std::size_t k = 1; k < std::min(longest, kEntered + 1) && i + k + kLeastToken <= job.end; ++k) {
      enter(i + k, hash(i + k));
    }
    out.match(i, longest, at);
    i += longest;
    last = at;
  }
  while (i < job.end) out.literal(i++);
  return out.finish();
}

Repeats repeats(const u8* data, std::size_t bytes, std::uint16_t* heads) {
  std::fill_n(heads, std::size_t{1} << kRepeatBits, std::uint16_t{0});
  Repeats all{};
  for (std::size_t i = 1; i + kRepeatBytes <= bytes && all.places < kMostPlaces; ++i) {
    if (data[i - 1] != 0 || data[i] == 0) continue;
    ++all.places;
    std::uint64_t word = 0;
    for (std::size_t k = 0; k < 8; ++k) word |= std::uint64_t{data[i + k]} << (8 * k);
    std::uint16_t& place = heads[(word * kRepeatHash) >> (64 - kRepeatBits)];
    if (place && std::equal(data + place, data + place + kRepeatBytes, data + i)) ++all.seen;
    place = static_cast<std::uint16_t>(i);
  }
  return all;
}

void put(Bits& bits, std::uint64_t value, u32 count) {
  for (u32 k = 0; k < count; ++k) {
    bits.held |= (value >> k & 1) << bits.count++;
    if (bits.count < 8) continue;
    *bits.at++ = static_cast<u8>(bits.held);
    bits.held = bits.count = 0;
  }
}

Bits write(const WriteTokens& job, Bits bits) {
  const auto code = [&](u32 entry) { put(bits, entry & 0xffffff, entry >> 24); };
  const u8* p = job.data;
  for (std::size_t t = 0; t < job.count; ++t) {
    const Token& token = job.tokens[t];
    for (u32 k = 0; k < token.literals; ++k) code(job.codes->literals[*p++]);
    if (token.length == 0) continue;
    const DistanceSymbol distance = distance_symbol(token.distance);
    const auto match = [&](u32 length) {
      const u32 symbol = kLengths.of[length];
      code(job.codes->literals[257 + symbol]);
      put(bits, length - kLengths.base[symbol], kLengths.extra[symbol]);
      code(job.codes->distances[distance.symbol]);
      put(bits, distance.rest, distance.extra);
      p += length;
    };
    const Split parts = split(token.length);
    for (u32 k = 0; k < parts.full; ++k) match(kLongest);
    if (parts.rest >= kShortest) {
      match(parts.rest);
    } else {
      for (u32 k = 0; k < parts.rest; ++k) code(job.codes->literals[*p++]);
    }
  }
  return bits;
}

u32 adler32(u32 before, const u8* data, std::size_t bytes) {
  u32 a = before & 0xffff;
  u32 b = before >> 16;
  for (std::size_t i = 0; i < bytes; ++i) {
    a = (a + data[i]) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

u32 crc32(u32 before, const u8* data, std::size_t bytes) {
  u32 crc = ~before;
  for (std::size_t i = 0; i < bytes; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

}  // namespace

constinit const CodecTable reference_table = {
    .name = "reference",
    .filter = filter,
    .costs = costs,
    .runs = runs,
    .matches = matches,
    .repeats = repeats,
    .write = write,
    .adler32 = adler32,
    .crc32 = crc32,
};

}  // namespace rmbg::codecs
