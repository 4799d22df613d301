// resize_levels: source rows are brought to the new width once and kept as bytes in a ring, then mixed.
//
// A Q22 weight times a byte needs 32 bits, but w = (w >> 11) * 2048 + (w & 2047), and both halves fit 16: two
// multiply-adds of pairs, (sum of high parts << 11) + (sum of low parts), are the same integer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/kernels.hpp"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace {

using namespace rmbg::kernels;

constexpr std::int32_t kHalfLevel = 1 << 21;

inline std::uint8_t clamp_level(std::int32_t sum) {
  const std::int32_t v = sum >> 22;
  return static_cast<std::uint8_t>(v < 0 ? 0 : v > 255 ? 255 : v);
}

#ifdef __AVX2__
// One pixel of 3 or 4 channels, four taps a step: taps 0 and 1 in the low lane, 2 and 3 in the high one. Writes 4
// bytes.
template <int kChannels>
inline void level_column_rgb(const std::uint8_t* p, const std::int16_t* split, std::int32_t taps, std::uint8_t* dst) {
  // bytes a0 a1 a2 (a3) b0 b1 b2 (b3) -> words a0 b0 a1 b1 a2 b2 (a3 b3)
  constexpr char z = -1;
  constexpr char b = kChannels;
  constexpr char a3 = kChannels == 4 ? 3 : z;
  constexpr char b3 = kChannels == 4 ? 7 : z;
  const __m256i spread =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, z, b, z, 1, z, b + 1, z, 2, z, b + 2, z, a3, z, b3, z));
  const __m256i high_part = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
  const __m256i low_part = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
  __m256i high = _mm256_setzero_si256();
  __m256i low = _mm256_setzero_si256();
  for (std::int32_t t = 0; t < taps; t += 4) {
    const __m128i near = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + t * kChannels));
    const __m128i far = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + (t + 2) * kChannels));
    const __m256i words = _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(near), far, 1), spread);
    const __m256i weights = _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(split + 2 * t)));
    high = _mm256_add_epi32(high, _mm256_madd_epi16(words, _mm256_permutevar8x32_epi32(weights, high_part)));
    low = _mm256_add_epi32(low, _mm256_madd_epi16(words, _mm256_permutevar8x32_epi32(weights, low_part)));
  }
  const __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high, 11), low);
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
  sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(kHalfLevel)), 22);
  sum = _mm_packs_epi32(sum, sum);
  const std::int32_t pixel = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
  std::memcpy(dst, &pixel, 4);
}

// Four samples of a plane from x on, four taps a step: words p0..p3 p0..p3 times the high and the low parts.
inline void level_columns_grey4(const ResizeLevels& job, const std::uint8_t* p, std::int32_t x, std::uint8_t* dst) {
  __m128i sums[4];
  for (int k = 0; k < 4; ++k) {
    const std::uint8_t* q = p + job.columns.first[x + k];
    const std::int16_t* split = job.columns.split + 2 * static_cast<std::ptrdiff_t>(x + k) * job.columns.stride;
    __m128i sum = _mm_setzero_si128();
    for (std::int32_t t = 0; t < job.columns.stride; t += 4) {
      const __m128i words = _mm_cvtepu8_epi16(_mm_loadu_si32(q + t));
      const __m128i weights = _mm_loadu_si128(reinterpret_cast<const __m128i*>(split + 2 * t));
      sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_unpacklo_epi64(words, words), weights));
    }
    sums[k] = sum;  // high01 high23 low01 low23
  }
  const __m128i a = _mm_hadd_epi32(sums[0], sums[1]);  // high0 low0 high1 low1
  const __m128i b = _mm_hadd_epi32(sums[2], sums[3]);
  const __m128i high = _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), 0x88));
  const __m128i low = _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), 0xdd));
  __m128i sum = _mm_add_epi32(_mm_slli_epi32(high, 11), low);
  sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(kHalfLevel)), 22);
  sum = _mm_packs_epi32(sum, sum);
  const std::int32_t four = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
  std::memcpy(dst, &four, 4);
}

// How many columns from 0 on read, with all taps of the axis, only bytes of their row.
inline std::int32_t level_columns_inside(const ResizeLevels& job) {
  const std::int32_t ahead = job.channels == 3 ? 1 : 0;  // the last load of a 3-channel row takes 2 bytes more
  const std::int32_t last = job.src_width - job.columns.stride - ahead;
  std::int32_t inside = job.width;
  while (inside > 0 && job.columns.first[inside - 1] > last) --inside;
  return inside;
}
#endif

// dst has room for 3 bytes beyond its width.
inline void level_columns(const ResizeLevels& job, std::int32_t row, std::uint8_t* dst) {
  const std::uint8_t* p = job.src + row * job.src_stride;
  const LevelAxis& axis = job.columns;
  const std::int32_t channels = job.channels;
  std::int32_t x = 0;
#ifdef __AVX2__
  const std::int32_t inside = level_columns_inside(job);
  if (channels == 1) {
    for (; x + 4 <= inside; x += 4) level_columns_grey4(job, p, x, dst + x);
  } else {
    for (; x < inside; ++x) {
      const std::int16_t* split = axis.split + 2 * static_cast<std::ptrdiff_t>(x) * axis.stride;
      const std::uint8_t* q = p + axis.first[x] * channels;
      if (channels == 3) {
        level_column_rgb<3>(q, split, axis.count[x], dst + 3 * x);
      } else {
        level_column_rgb<4>(q, split, axis.count[x], dst + 4 * x);
      }
    }
  }
#endif
  for (; x < job.width; ++x) {
    const std::int32_t* weights = axis.weights + static_cast<std::ptrdiff_t>(x) * axis.stride;
    const std::uint8_t* q = p + axis.first[x] * channels;
    for (std::int32_t c = 0; c < channels; ++c) {
      std::int32_t sum = kHalfLevel;
      for (std::int32_t t = 0; t < axis.count[x]; ++t) sum += weights[t] * q[t * channels + c];
      dst[x * channels + c] = clamp_level(sum);
    }
  }
}

inline void level_row(const ResizeLevels& job, std::int32_t y, const std::uint8_t* const* rows) {
  const std::int32_t n = job.width * job.channels;
  const std::int32_t count = job.rows.count[y];
  std::uint8_t* dst = job.dst + y * job.dst_stride;
  std::int32_t x = 0;
#ifdef __AVX2__
  const std::int16_t* split = job.rows.split + 2 * static_cast<std::ptrdiff_t>(y) * job.rows.stride;
  const __m256i half = _mm256_set1_epi32(kHalfLevel);
  for (; x + 16 <= n; x += 16) {
    __m256i high[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    __m256i low[2] = {half, half};
    for (std::int32_t t = 0; t < count; t += 2) {
      const std::uint8_t* second = rows[t + 1 < count ? t + 1 : t];  // its weight is 0 where there is none
      const __m256i a = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[t] + x)));
      const __m256i b = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(second + x)));
      const std::int16_t* pair = split + 2 * (t & ~3) + (t & 3);
      const __m256i wh = _mm256_broadcastd_epi32(_mm_loadu_si32(pair));
      const __m256i wl = _mm256_broadcastd_epi32(_mm_loadu_si32(pair + 4));
      const __m256i first = _mm256_unpacklo_epi16(a, b);
      const __m256i rest = _mm256_unpackhi_epi16(a, b);
      high[0] = _mm256_add_epi32(high[0], _mm256_madd_epi16(first, wh));
      high[1] = _mm256_add_epi32(high[1], _mm256_madd_epi16(rest, wh));
      low[0] = _mm256_add_epi32(low[0], _mm256_madd_epi16(first, wl));
      low[1] = _mm256_add_epi32(low[1], _mm256_madd_epi16(rest, wl));
    }
    const __m256i s0 = _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(high[0], 11), low[0]), 22);
    const __m256i s1 = _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(high[1], 11), low[1]), 22);
    // unpack and pack both work within lanes: the order is the source's again
    const __m256i words = _mm256_packs_epi32(s0, s1);
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + x), bytes);
  }
#endif
  constexpr std::int32_t kBlock = 64;
  const std::int32_t* weights = job.rows.weights + static_cast<std::ptrdiff_t>(y) * job.rows.stride;
  for (; x < n; x += kBlock) {
    const std::int32_t m = n - x < kBlock ? n - x : kBlock;
    std::int32_t sums[kBlock];
    for (std::int32_t i = 0; i < m; ++i) sums[i] = kHalfLevel;
    for (std::int32_t t = 0; t < count; ++t) {
      const std::uint8_t* __restrict p = rows[t] + x;
      const std::int32_t w = weights[t];
      for (std::int32_t i = 0; i < m; ++i) sums[i] += w * p[i];
    }
    for (std::int32_t i = 0; i < m; ++i) dst[x + i] = clamp_level(sums[i]);
  }
}

// Scratch: as many ring rows as the axis has taps, then the ring's bookkeeping.
void resize_levels(const ResizeLevels& job, std::int32_t row_begin, std::int32_t row_end, void* scratch) {
  const std::int32_t taps = job.rows.stride;
  const std::ptrdiff_t row_bytes = (static_cast<std::ptrdiff_t>(job.width) * job.channels + 63) & ~std::ptrdiff_t{31};
  std::uint8_t* ring = static_cast<std::uint8_t*>(scratch);
  const std::uint8_t** rows = reinterpret_cast<const std::uint8_t**>(ring + taps * row_bytes);
  std::int32_t* held = reinterpret_cast<std::int32_t*>(rows + taps);
  for (std::int32_t t = 0; t < taps; ++t) held[t] = -1;
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    for (std::int32_t t = 0; t < job.rows.count[y]; ++t) {
      const std::int32_t row = job.rows.first[y] + t;
      const std::int32_t slot = row % taps;
      if (held[slot] != row) {
        level_columns(job, row, ring + slot * row_bytes);
        held[slot] = row;
      }
      rows[t] = ring + slot * row_bytes;
    }
    level_row(job, y, rows);
  }
}

}  // namespace
