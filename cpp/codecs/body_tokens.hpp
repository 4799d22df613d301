// runs and matches: bytes to tokens.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "codecs/deflate_symbols.hpp"
#include "codecs/kernels.hpp"
#include "codecs/near_literals.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

using rmbg::codecs::Histogram;
using rmbg::codecs::Token;
using rmbg::codecs::Tokenize;

inline std::uint64_t load64(const std::uint8_t* p) {
  std::uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// How many zeros there are from p on, at most n.
inline std::size_t zeros(const std::uint8_t* p, std::size_t n) {
  std::size_t i = 0;
#if defined(__AVX2__)
  for (; i + 32 <= n; i += 32) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + i));
    const auto mask = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, _mm256_setzero_si256())));
    if (mask != 0xffffffff) return i + static_cast<std::size_t>(std::countr_one(mask));
  }
#endif
  for (; i + 8 <= n; i += 8) {
    const std::uint64_t v = load64(p + i);
    if (v) return i + static_cast<std::size_t>(std::countr_zero(v)) / 8;
  }
  while (i < n && p[i] == 0) ++i;
  return i;
}

// Where the first kRun zeros of n bytes begin; n where there are none.
inline std::size_t next_run(const std::uint8_t* p, std::size_t n) {
#if defined(__AVX2__)
  const auto mask_at = [p](std::size_t i) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + i));
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, _mm256_setzero_si256())));
  };
  std::uint64_t mask = mask_at(0);
  for (std::size_t i = 0; i < n; i += 32) {
    mask |= std::uint64_t{mask_at(i + 32)} << 32;
    std::uint64_t run = mask & mask >> 1;
    run &= run >> 2;
    run &= run >> 4;
    run &= run >> 8;
    if (const auto here = static_cast<std::uint32_t>(run)) {
      i += static_cast<std::size_t>(std::countr_zero(here));
      return i + rmbg::codecs::kRun <= n ? i : n;
    }
    mask >>= 32;
  }
  return n;
#else
  // So many zeros hold one of every kRun bytes: look there, then around it.
  using rmbg::codecs::kRun;
  for (std::size_t i = kRun - 1; i < n; i += kRun) {
    if (p[i]) continue;
    std::size_t first = i;
    while (first > i - (kRun - 1) && p[first - 1] == 0) --first;
    if (first + kRun <= n && zeros(p + i, first + kRun - i) == first + kRun - i) return first;
  }
  return n;
#endif
}

inline void count_literals(const std::uint8_t* p, std::size_t n, Histogram& h) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const std::uint64_t v = load64(p + i);
    ++h.literals[0][v & 0xff];
    ++h.literals[1][v >> 8 & 0xff];
    ++h.literals[2][v >> 16 & 0xff];
    ++h.literals[3][v >> 24 & 0xff];
    ++h.literals[0][v >> 32 & 0xff];
    ++h.literals[1][v >> 40 & 0xff];
    ++h.literals[2][v >> 48 & 0xff];
    ++h.literals[3][v >> 56];
  }
  for (; i < n; ++i) ++h.literals[i & 3][p[i]];
}

// Counts the literals of a call.
class LiteralCounter {
 public:
  explicit LiteralCounter(Histogram& histogram) : histogram_(histogram) {}

  void add(const std::uint8_t* p, std::size_t n) {
    std::size_t i = 0;
#if defined(__AVX2__)
    for (; i + kNearGroup <= n; i += kNearGroup) {
      if (!near_.add(p + i, histogram_)) count_literals(p + i, kNearGroup, histogram_);
    }
#endif
    count_literals(p + i, n - i, histogram_);
  }
  void finish() {
#if defined(__AVX2__)
    near_.empty_into(histogram_);
#endif
  }

 private:
  Histogram& histogram_;
#if defined(__AVX2__)
  NearCounter near_;
#endif
};

// `last` is one behind the match.
inline void count_match(const std::uint8_t* last, std::uint32_t length, std::uint32_t distance_symbol, Histogram& h) {
  const rmbg::codecs::Split parts = rmbg::codecs::split(length);
  h.lengths[28] += parts.full;
  h.distances[distance_symbol] += parts.full;
  if (parts.rest >= rmbg::codecs::kShortest) {
    ++h.lengths[rmbg::codecs::kLengths.of[parts.rest]];
    ++h.distances[distance_symbol];
  } else {
    count_literals(last - parts.rest, parts.rest, h);
  }
}

std::size_t runs(const Tokenize& job) {
  Histogram& h = *job.histogram;
  LiteralCounter counter(h);
  Token* out = job.tokens;
  for (std::size_t i = job.begin; i < job.end;) {
    const std::uint8_t* p = job.data + i;
    const std::size_t rest = job.end - i;
    std::size_t literals = next_run(p, rest);
    if (literals == rest) {
      counter.add(p, literals);
      *out++ = {static_cast<std::uint32_t>(literals), 0, 0};
      break;
    }
    const std::size_t run = zeros(p + literals, rest - literals);
    ++literals;  // the first zero
    counter.add(p, literals);
    const auto length = static_cast<std::uint32_t>(run - 1);
    count_match(p + literals + length, length, 0, h);
    *out++ = {static_cast<std::uint32_t>(literals), length, 1};
    i += literals + length;
  }
  counter.finish();
  return static_cast<std::size_t>(out - job.tokens);
}

// How many bytes from a and from b on are alike, at most n. b lies before a.
inline std::size_t alike(const std::uint8_t* a, const std::uint8_t* b, std::size_t n) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const std::uint64_t difference = load64(a + i) ^ load64(b + i);
    if (difference) return i + static_cast<std::size_t>(std::countr_zero(difference)) / 8;
  }
  while (i < n && a[i] == b[i]) ++i;
  return i;
}

inline std::size_t match_slot(std::uint32_t word) {
  return 2 * static_cast<std::size_t>((word * 0x9E3779B1u) >> (32 - rmbg::codecs::kHashBits));
}

inline void enter(std::uint16_t* slot, std::size_t i) {
  slot[1] = slot[0];
  slot[0] = static_cast<std::uint16_t>(i);
}

std::size_t matches(const Tokenize& job) {
  using rmbg::codecs::kEntered;
  using rmbg::codecs::kLeastToken;
  using rmbg::codecs::kLongest;
  Histogram& h = *job.histogram;
  const std::uint8_t* data = job.data;
  Token* out = job.tokens;
  std::size_t i = job.begin;
  std::size_t begin = i;  // of the literals that are in no token yet
  std::size_t last = 0;   // match's distance
  const auto token = [&](std::size_t length, std::size_t distance) {
    const auto length32 = static_cast<std::uint32_t>(length);
    const auto distance32 = static_cast<std::uint32_t>(distance);
    count_literals(data + begin, i - begin, h);
    *out++ = {static_cast<std::uint32_t>(i - begin), length32, distance32};
    i += length;
    begin = i;
    count_match(data + i, length32, rmbg::codecs::distance_symbol(distance32).symbol, h);
  };
  while (i + kLeastToken <= job.end) {
    std::uint32_t word;
    std::memcpy(&word, data + i, sizeof word);
    if (word == 0) {
      const std::size_t run = zeros(data + i, job.end - i);
      if (run >= rmbg::codecs::kRunAmongMatches) {
        ++i;
        token(run - 1, 1);
        continue;
      }
    }
    std::uint16_t* slot = job.heads + match_slot(word);
    std::size_t longest = 0;
    std::size_t at = 0;
    const std::size_t most = job.end - i < kLongest ? job.end - i : kLongest;
    for (int k = 0; k < 3; ++k) {
      const std::size_t distance = k == 0 ? last : (i - slot[k - 1]) & 0xffff;
      if (distance - 1 >= rmbg::codecs::kWindow || distance > i) continue;
      std::uint32_t there;
      std::memcpy(&there, data + i - distance, sizeof there);
      if (there != word) continue;
      const std::size_t length = 4 + alike(data + i + 4, data + i + 4 - distance, most - 4);
      if (length > longest) {
        longest = length;
        at = distance;
      }
    }
    enter(slot, i);
    if (longest < job.least[at > 8192 ? 2 : at > 1024 ? 1 : 0]) {
      ++i;
      continue;
    }
    std::size_t stop = longest < kEntered + 1 ? longest : kEntered + 1;
    if (i + stop + kLeastToken - 1 > job.end) stop = job.end - i - kLeastToken + 1;
    for (std::size_t k = 1; k < stop; ++k) {
      std::memcpy(&word, data + i + k, sizeof word);
      enter(job.heads + match_slot(word), i + k);
    }
    token(longest, at);
    last = at;
  }
  i = job.end;
  if (begin < i) {
    count_literals(data + begin, i - begin, h);
    *out++ = {static_cast<std::uint32_t>(i - begin), 0, 0};
  }
  return static_cast<std::size_t>(out - job.tokens);
}

rmbg::codecs::Repeats repeats(const std::uint8_t* data, std::size_t bytes, std::uint16_t* heads) {
  std::memset(heads, 0, sizeof(std::uint16_t) << rmbg::codecs::kRepeatBits);
  using rmbg::codecs::kRepeatBytes;
  rmbg::codecs::Repeats all{};
  const auto look = [&](std::size_t i) {
    ++all.places;
    const std::uint64_t word = load64(data + i);
    std::uint16_t& place = heads[(word * rmbg::codecs::kRepeatHash) >> (64 - rmbg::codecs::kRepeatBits)];
    all.seen += place != 0 && std::memcmp(data + place, data + i, kRepeatBytes) == 0;
    place = static_cast<std::uint16_t>(i);
  };
  std::size_t i = 1;
#if defined(__AVX2__)
  for (; i + 32 + kRepeatBytes <= bytes; i += 32) {
    const auto zeros_from = [data](std::size_t k) {
      const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + k));
      return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, _mm256_setzero_si256())));
    };
    for (std::uint32_t here = zeros_from(i - 1) & ~zeros_from(i); here; here &= here - 1) {
      if (all.places == rmbg::codecs::kMostPlaces) return all;
      look(i + static_cast<std::size_t>(std::countr_zero(here)));
    }
  }
#endif
  for (; i + kRepeatBytes <= bytes && all.places < rmbg::codecs::kMostPlaces; ++i) {
    if (data[i - 1] == 0 && data[i] != 0) look(i);
  }
  return all;
}

}  // namespace
