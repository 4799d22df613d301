// Literals near 0, as most residuals of photos are: counted and written 32 at a time in AVX2. One at a time these two take
// longer than all other steps of the encoder together.
#pragma once

#if defined(__AVX2__)

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "codecs/bits.hpp"
#include "codecs/kernels.hpp"

namespace {

constexpr std::size_t kNear = 16;  // bytes from -16 to 15 are near
constexpr std::size_t kNearGroup = 32;

inline __m256i near_group(const std::uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }

// 0..31 where a byte is near, else one of these three bits is set.
inline __m256i above_least(__m256i x) { return _mm256_add_epi8(x, _mm256_set1_epi8(kNear)); }
constexpr char kFar = static_cast<char>(0xe0);

// Counts them by pairs: half as many steps, and four columns, as in Histogram.
class NearCounter {
 public:
  // False, and nothing is counted: the 32 bytes from p on are not all near.
  bool add(const std::uint8_t* p, rmbg::codecs::Histogram& h) {
    const __m256i place = above_least(near_group(p));
    if (!_mm256_testz_si256(place, _mm256_set1_epi8(kFar))) return false;
    if (groups_ == kMostGroups) empty_into(h);
    if (groups_ == 0) std::memset(pairs_, 0, sizeof pairs_);
    alignas(32) std::uint16_t indices[kNearGroup / 2];  // first + 32 * second
    const __m256i weights = _mm256_set1_epi16(1 | 32 << 8);
    _mm256_store_si256(reinterpret_cast<__m256i*>(indices), _mm256_maddubs_epi16(place, weights));
    for (std::size_t k = 0; k < kNearGroup / 2; ++k) ++pairs_[k % kColumns][indices[k]];
    ++groups_;
    return true;
  }

  void empty_into(rmbg::codecs::Histogram& h) {
    if (groups_ == 0) return;
    std::uint32_t first[kSymbols] = {};
    for (std::size_t b = 0; b < kSymbols; ++b) {
      std::uint32_t second = 0;
      for (std::size_t a = 0; a < kSymbols; ++a) {
        std::uint32_t count = 0;
        for (const auto& column : pairs_) count += column[b * kSymbols + a];
        first[a] += count;
        second += count;
      }
      h.literals[1][symbol(b)] += second;
    }
    for (std::size_t a = 0; a < kSymbols; ++a) h.literals[0][symbol(a)] += first[a];
    groups_ = 0;
  }

 private:
  static constexpr std::size_t kColumns = 4;
  static constexpr std::size_t kSymbols = 2 * kNear;
  static constexpr std::uint32_t kMostGroups = 16000;  // each adds 4 to a column at most

  static std::uint8_t symbol(std::size_t place) { return static_cast<std::uint8_t>(place - kNear); }

  std::uint16_t pairs_[kColumns][kSymbols * kSymbols];
  std::uint32_t groups_ = 0;
};

// Writes them: their codes are looked up in registers, and put together two, four and eight at a time. Codes of more
// than 8 bits are left to others.
class NearWriter {
 public:
  explicit NearWriter(const rmbg::codecs::Codes& codes) {
    alignas(16) std::uint8_t table[4][kNear];
    for (std::size_t k = 0; k < kNear; ++k) {
      for (std::size_t negative = 0; negative < 2; ++negative) {
        const std::uint32_t entry = codes.literals[k + negative * (256 - kNear)];
        const std::uint32_t length = entry >> 24;
        table[negative][k] = static_cast<std::uint8_t>(length <= 8 ? length : 0x80);
        table[2 + negative][k] = static_cast<std::uint8_t>(entry);
      }
    }
    for (int i = 0; i < 4; ++i) {
      tables_[i] = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table[i])));
    }
  }

  // The codes of the 32 bytes from p on. False, and nothing is written: they are not such.
  bool put(const std::uint8_t* p, rmbg::codecs::Bits& bits) const {
    const __m256i x = near_group(p);
    const __m256i opposite = _mm256_xor_si256(x, _mm256_set1_epi8(static_cast<char>(0x80)));
    // A shuffle gives 0 where the index has its highest bit.
    const __m256i lengths =
        _mm256_or_si256(_mm256_shuffle_epi8(tables_[0], x), _mm256_shuffle_epi8(tables_[1], opposite));
    if (!_mm256_testz_si256(_mm256_or_si256(above_least(x), lengths), _mm256_set1_epi8(kFar))) return false;
    const __m256i codes =
        _mm256_or_si256(_mm256_shuffle_epi8(tables_[2], x), _mm256_shuffle_epi8(tables_[3], opposite));

    const __m256i bytes = _mm256_set1_epi16(0xff);
    const __m256i length_1 = _mm256_and_si256(lengths, bytes);
    const __m256i pairs = _mm256_or_si256(_mm256_and_si256(codes, bytes),
                                          _mm256_mullo_epi16(_mm256_srli_epi16(codes, 8), power_of_two(length_1)));
    const __m256i length_2 = _mm256_add_epi16(length_1, _mm256_srli_epi16(lengths, 8));

    const __m256i words = _mm256_set1_epi32(0xffff);
    const __m256i first_2 = _mm256_and_si256(length_2, words);
    const __m256i fours =
        _mm256_or_si256(_mm256_and_si256(pairs, words), _mm256_sllv_epi32(_mm256_srli_epi32(pairs, 16), first_2));
    const __m256i length_4 = _mm256_add_epi32(first_2, _mm256_srli_epi32(length_2, 16));

    const __m256i halves = _mm256_set1_epi64x(0xffffffff);
    const __m256i first_4 = _mm256_and_si256(length_4, halves);
    const __m256i eights =
        _mm256_or_si256(_mm256_and_si256(fours, halves), _mm256_sllv_epi64(_mm256_srli_epi64(fours, 32), first_4));
    const __m256i length_8 = _mm256_add_epi64(first_4, _mm256_srli_epi64(length_4, 32));
    // At most 56 bits may be put at once: 57 to 64 have bit 6 when 7 is added.
    const __m256i over = _mm256_add_epi64(length_8, _mm256_set1_epi64x(7));
    if (!_mm256_testz_si256(over, _mm256_set1_epi64x(64))) return false;

    alignas(32) std::uint64_t values[4];
    alignas(32) std::uint64_t counts[4];
    _mm256_store_si256(reinterpret_cast<__m256i*>(values), eights);
    _mm256_store_si256(reinterpret_cast<__m256i*>(counts), length_8);
    for (int k = 0; k < 4; ++k) {
      rmbg::codecs::put(bits, values[k], static_cast<std::uint32_t>(counts[k]));
      rmbg::codecs::flush(bits);
    }
    return true;
  }

 private:
  // 2^n in each word, n = 1..8, by a table of bytes: the lower byte is found at n, the higher one at n + 7.
  static __m256i power_of_two(__m256i n) {
    const __m256i table = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, static_cast<char>(128), 0, 0, 0, 0, 0, 0, 0, 1));
    const __m256i both = _mm256_or_si256(n, _mm256_slli_epi16(n, 8));
    return _mm256_shuffle_epi8(table, _mm256_add_epi16(both, _mm256_set1_epi16(0x0700)));
  }

  __m256i tables_[4];  // lengths of codes, then the codes: of bytes from 0 on, and of those from -16 on
};

}  // namespace

#endif
