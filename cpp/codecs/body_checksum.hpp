// adler32 and crc32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "codecs/kernels.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

constexpr std::uint32_t kAdlerModulus = 65521;

// Of n bytes: a += sum of x, b += n * a + sum of (n - i) * x[i]. In groups of kLanes the second sum is kLanes times the
// sums of x before each group, and within the groups weights of kLanes down to 1. Sums of 5536 bytes fit 32 bits.
std::uint32_t adler32(std::uint32_t before, const std::uint8_t* data, std::size_t bytes) {
  constexpr std::size_t kLanes = 32;
  constexpr std::size_t kMostGroups = 173;
  std::uint64_t a = before & 0xffff;
  std::uint64_t b = before >> 16;
  while (bytes >= kLanes) {
    const std::size_t groups = bytes / kLanes < kMostGroups ? bytes / kLanes : kMostGroups;
    bytes -= groups * kLanes;
    std::uint64_t sum = 0;
    std::uint64_t earlier = 0;
    std::uint64_t weighted = 0;
#if defined(__AVX2__)
    const __m256i weights = _mm256_setr_epi8(32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14,
                                             13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1);
    const __m256i ones = _mm256_set1_epi16(1);
    const __m256i zero = _mm256_setzero_si256();
    __m256i sums = zero;
    __m256i earlier_sums = zero;
    __m256i weighted_sums = zero;
    for (std::size_t g = 0; g < groups; ++g, data += kLanes) {
      const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data));
      earlier_sums = _mm256_add_epi32(earlier_sums, sums);
      sums = _mm256_add_epi32(sums, _mm256_sad_epu8(x, zero));
      weighted_sums = _mm256_add_epi32(weighted_sums, _mm256_madd_epi16(_mm256_maddubs_epi16(x, weights), ones));
    }
    const auto total = [](__m256i v) {
      std::uint32_t lanes[8];
      std::memcpy(lanes, &v, sizeof lanes);
      std::uint64_t all = 0;
      for (const std::uint32_t lane : lanes) all += lane;
      return all;
    };
    sum = total(sums);
    earlier = total(earlier_sums);
    weighted = total(weighted_sums);
#else
    std::uint32_t sums[kLanes] = {};
    std::uint32_t earlier_sums[kLanes] = {};
    for (std::size_t g = 0; g < groups; ++g, data += kLanes) {
      for (std::size_t k = 0; k < kLanes; ++k) {
        earlier_sums[k] += sums[k];
        sums[k] += data[k];
      }
    }
    for (std::size_t k = 0; k < kLanes; ++k) {
      sum += sums[k];
      earlier += earlier_sums[k];
      weighted += (kLanes - k) * std::uint64_t{sums[k]};
    }
#endif
    b = (b + groups * kLanes * a + kLanes * earlier + weighted) % kAdlerModulus;
    a = (a + sum) % kAdlerModulus;
  }
  for (std::size_t i = 0; i < bytes; ++i) {
    a += data[i];
    b += a;
  }
  return static_cast<std::uint32_t>(b % kAdlerModulus << 16 | a % kAdlerModulus);
}

constexpr std::uint32_t kCrcPolynomial = 0xEDB88320;  // lowest bit first

struct CrcTables {
  std::uint32_t of[8][256];  // of[k][x]: the register after byte x and k zeros
};

constexpr CrcTables make_crc_tables() {
  CrcTables all{};
  for (std::uint32_t x = 0; x < 256; ++x) {
    std::uint32_t crc = x;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kCrcPolynomial : 0);
    all.of[0][x] = crc;
  }
  for (int k = 1; k < 8; ++k) {
    for (int x = 0; x < 256; ++x) {
      all.of[k][x] = all.of[k - 1][x] >> 8 ^ all.of[0][all.of[k - 1][x] & 0xff];
    }
  }
  return all;
}

constexpr CrcTables kCrcTables = make_crc_tables();

// The register (not inverted) after `bytes` more bytes, eight at a time.
inline std::uint32_t crc_register(std::uint32_t crc, const std::uint8_t* data, std::size_t bytes) {
  const auto& t = kCrcTables.of;
  for (; bytes >= 8; bytes -= 8, data += 8) {
    std::uint64_t v;
    std::memcpy(&v, data, 8);
    v ^= crc;
    crc = t[7][v & 0xff] ^ t[6][v >> 8 & 0xff] ^ t[5][v >> 16 & 0xff] ^ t[4][v >> 24 & 0xff] ^ t[3][v >> 32 & 0xff] ^
          t[2][v >> 40 & 0xff] ^ t[1][v >> 48 & 0xff] ^ t[0][v >> 56];
  }
  for (; bytes; --bytes) crc = crc >> 8 ^ t[0][(crc ^ *data++) & 0xff];
  return crc;
}

#if defined(__AVX2__)

// x^n modulo the polynomial, as carry-less multiplication of registers with the lowest bit first wants it: one up.
constexpr long long crc_power(int n) {
  std::uint32_t power = 0x80000000;  // x^0
  for (int i = 0; i < n; ++i) power = power >> 1 ^ (power & 1 ? kCrcPolynomial : 0);
  const std::uint64_t up = std::uint64_t{power} << 1;
  return static_cast<long long>(up);
}

// 16 bytes moved `Bits` bits further along the message, plus what stands there.
template <int Bits>
inline __m128i crc_fold(__m128i sum, __m128i next) {
  const __m128i powers = _mm_set_epi64x(crc_power(Bits - 32), crc_power(Bits + 32));
  const __m128i low = _mm_clmulepi64_si128(sum, powers, 0x00);
  const __m128i high = _mm_clmulepi64_si128(sum, powers, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

#endif

// With carry-less multiplication four sums of 16 bytes go along the message and are folded into one; its own remainder
// is the message's.
std::uint32_t crc32(std::uint32_t before, const std::uint8_t* data, std::size_t bytes) {
  std::uint32_t crc = ~before;
#if defined(__AVX2__)
  if (bytes >= 128) {
    const auto load = [](const std::uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); };
    __m128i sums[4];
    for (int k = 0; k < 4; ++k) sums[k] = load(data + 16 * k);
    sums[0] = _mm_xor_si128(sums[0], _mm_cvtsi32_si128(static_cast<int>(crc)));
    for (data += 64, bytes -= 64; bytes >= 64; data += 64, bytes -= 64) {
      for (int k = 0; k < 4; ++k) sums[k] = crc_fold<512>(sums[k], load(data + 16 * k));
    }
    __m128i sum = crc_fold<128>(sums[0], sums[1]);
    sum = crc_fold<128>(sum, sums[2]);
    sum = crc_fold<128>(sum, sums[3]);
    std::uint8_t last[16];
    std::memcpy(last, &sum, sizeof last);
    crc = crc_register(0, last, sizeof last);
  }
#endif
  return ~crc_register(crc, data, bytes);
}

}  // namespace
