// filter and costs: a vector of residuals at a time in AVX2, plain loops elsewhere and at the ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "codecs/kernels.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

using rmbg::codecs::Filter;
using rmbg::codecs::FilterRow;
using rmbg::codecs::kFilters;
using rmbg::codecs::kGroup;

inline std::uint8_t apart(std::uint8_t a, std::uint8_t b) { return static_cast<std::uint8_t>(a > b ? a - b : b - a); }

// In bytes: |left + up - 2 corner| is the sum of the two other distances where both lie on the same side of the corner
// (255 does for more, as it is then the largest of the three anyway), else their difference.
inline std::uint8_t nearest(std::uint8_t left, std::uint8_t up, std::uint8_t corner) {
  const std::uint8_t to_left = apart(up, corner);
  const std::uint8_t to_up = apart(left, corner);
  const bool same = (up > corner) == (left > corner);
  const int sum = to_left + to_up;
  const auto together = static_cast<std::uint8_t>(sum > 255 ? 255 : sum);
  const std::uint8_t to_corner = same ? together : apart(to_left, to_up);
  const std::uint8_t other = to_up <= to_corner ? up : corner;
  return to_left <= to_up && to_left <= to_corner ? left : other;
}

template <int F>
inline std::uint8_t residual(std::uint8_t x, std::uint8_t left, std::uint8_t up, std::uint8_t corner) {
  int prediction = 0;
  if constexpr (F == rmbg::codecs::kSub) prediction = left;
  if constexpr (F == rmbg::codecs::kUp) prediction = up;
  if constexpr (F == rmbg::codecs::kAverage) prediction = (left + up) >> 1;
  if constexpr (F == rmbg::codecs::kPaeth) prediction = nearest(left, up, corner);
  return static_cast<std::uint8_t>(x - prediction);
}

inline std::uint32_t amount(std::uint8_t residual) { return residual < 128 ? residual : 256u - residual; }

#if defined(__AVX2__)

inline __m256i bytes_at(const std::uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }

inline __m256i nearest(__m256i left, __m256i up, __m256i corner) {
  const __m256i up_over = _mm256_subs_epu8(up, corner);
  const __m256i up_under = _mm256_subs_epu8(corner, up);
  const __m256i left_over = _mm256_subs_epu8(left, corner);
  const __m256i left_under = _mm256_subs_epu8(corner, left);
  const __m256i to_left = _mm256_or_si256(up_over, up_under);
  const __m256i to_up = _mm256_or_si256(left_over, left_under);
  const __m256i zero = _mm256_setzero_si256();
  // Where a distance is 0 the side does not matter: sum and difference are alike.
  const __m256i apart_sides = _mm256_xor_si256(_mm256_cmpeq_epi8(up_over, zero), _mm256_cmpeq_epi8(left_over, zero));
  const __m256i difference = _mm256_or_si256(_mm256_subs_epu8(to_left, to_up), _mm256_subs_epu8(to_up, to_left));
  const __m256i to_corner = _mm256_blendv_epi8(_mm256_adds_epu8(to_left, to_up), difference, apart_sides);
  const __m256i least = _mm256_min_epu8(to_corner, _mm256_min_epu8(to_left, to_up));
  const __m256i other = _mm256_blendv_epi8(corner, up, _mm256_cmpeq_epi8(least, to_up));
  return _mm256_blendv_epi8(other, left, _mm256_cmpeq_epi8(least, to_left));
}

template <int F>
inline __m256i residual(__m256i x, __m256i left, __m256i up, __m256i corner) {
  if constexpr (F == rmbg::codecs::kSub) return _mm256_sub_epi8(x, left);
  if constexpr (F == rmbg::codecs::kUp) return _mm256_sub_epi8(x, up);
  if constexpr (F == rmbg::codecs::kAverage) {  // the instruction rounds up
    const __m256i odd = _mm256_and_si256(_mm256_xor_si256(left, up), _mm256_set1_epi8(1));
    return _mm256_sub_epi8(x, _mm256_sub_epi8(_mm256_avg_epu8(left, up), odd));
  }
  if constexpr (F == rmbg::codecs::kPaeth) return _mm256_sub_epi8(x, nearest(left, up, corner));
  return x;
}

template <int F>
inline void filter_group(const FilterRow& job, std::size_t i, std::uint8_t* dst) {
  const __m256i r = residual<F>(bytes_at(job.row + i), bytes_at(job.row + i - job.pixel_bytes), bytes_at(job.above + i),
                                bytes_at(job.above + i - job.pixel_bytes));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + i), r);
}

template <int F>
inline __m256i add_cost(__m256i sum, __m256i x, __m256i left, __m256i up, __m256i corner) {
  const __m256i amounts = _mm256_abs_epi8(residual<F>(x, left, up, corner));
  return _mm256_add_epi64(sum, _mm256_sad_epu8(amounts, _mm256_setzero_si256()));
}

#endif

template <int F>
void filter_row(const FilterRow& job, std::uint8_t* dst) {
  const std::size_t bpp = job.pixel_bytes;
  std::size_t i = 0;
  for (; i < bpp && i < job.bytes; ++i) dst[i] = residual<F>(job.row[i], 0, job.above[i], 0);
#if defined(__AVX2__)
  if (job.bytes >= bpp + kGroup) {
    for (; i + kGroup <= job.bytes; i += kGroup) filter_group<F>(job, i, dst);
    if (i < job.bytes) filter_group<F>(job, job.bytes - kGroup, dst);
    return;
  }
#endif
  const std::uint8_t* row = job.row;
  const std::uint8_t* above = job.above;
  for (; i < job.bytes; ++i) dst[i] = residual<F>(row[i], row[i - bpp], above[i], above[i - bpp]);
}

void filter(Filter type, const FilterRow& job, std::uint8_t* dst) {
  switch (type) {
    case rmbg::codecs::kNone:
      std::memcpy(dst, job.row, job.bytes);
      break;
    case rmbg::codecs::kSub:
      filter_row<rmbg::codecs::kSub>(job, dst);
      break;
    case rmbg::codecs::kUp:
      filter_row<rmbg::codecs::kUp>(job, dst);
      break;
    case rmbg::codecs::kAverage:
      filter_row<rmbg::codecs::kAverage>(job, dst);
      break;
    default:
      filter_row<rmbg::codecs::kPaeth>(job, dst);
  }
}

inline void add_costs(const FilterRow& job, std::size_t begin, std::size_t count, std::uint64_t sums[kFilters]) {
  std::uint32_t group[kFilters] = {};
  const std::uint8_t* row = job.row + begin;
  const std::uint8_t* above = job.above + begin;
  const std::uint8_t* before = row - job.pixel_bytes;
  const std::uint8_t* corner = above - job.pixel_bytes;
  for (std::size_t i = 0; i < count; ++i) {
    group[0] += amount(row[i]);
    group[1] += amount(residual<1>(row[i], before[i], above[i], corner[i]));
    group[2] += amount(residual<2>(row[i], before[i], above[i], corner[i]));
    group[3] += amount(residual<3>(row[i], before[i], above[i], corner[i]));
    group[4] += amount(residual<4>(row[i], before[i], above[i], corner[i]));
  }
  for (int f = 0; f < kFilters; ++f) sums[f] += group[f];
}

void costs(const FilterRow& job, std::size_t step, std::uint64_t sums[kFilters]) {
  for (int f = 0; f < kFilters; ++f) sums[f] = 0;
  std::size_t i = job.pixel_bytes;
#if defined(__AVX2__)
  __m256i all[kFilters];
  for (__m256i& sum : all) sum = _mm256_setzero_si256();
  for (; i + kGroup <= job.bytes; i += step) {
    const __m256i x = bytes_at(job.row + i);
    const __m256i left = bytes_at(job.row + i - job.pixel_bytes);
    const __m256i up = bytes_at(job.above + i);
    const __m256i corner = bytes_at(job.above + i - job.pixel_bytes);
    all[0] = add_cost<0>(all[0], x, left, up, corner);
    all[1] = add_cost<1>(all[1], x, left, up, corner);
    all[2] = add_cost<2>(all[2], x, left, up, corner);
    all[3] = add_cost<3>(all[3], x, left, up, corner);
    all[4] = add_cost<4>(all[4], x, left, up, corner);
  }
  for (int f = 0; f < kFilters; ++f) {
    std::uint64_t lanes[4];
    std::memcpy(lanes, &all[f], sizeof lanes);
    sums[f] = lanes[0] + lanes[1] + lanes[2] + lanes[3];
  }
#else
  for (; i + kGroup <= job.bytes; i += step) add_costs(job, i, kGroup, sums);
#endif
  if (i < job.bytes) add_costs(job, i, job.bytes - i, sums);
}

}  // namespace
