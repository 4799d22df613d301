// The rows of resize_triangle where rows are first, of up to eight: with AVX2 in 8-bit multiplications.
#pragma once

#include "kernels/rows.hpp"

namespace {

// The rows that output row y sums, and the words it makes of them.
struct TriangleRows {
  const std::uint8_t* top;
  std::ptrdiff_t stride;
  std::int32_t count;
  const std::int16_t* weights;
  std::int32_t ahead[2];  // the rows that the next output row adds, to be fetched meanwhile: from, to
};

#ifdef __AVX2__
inline void triangle_fetch(const ResizeTriangle& job, const TriangleRows& rows, std::int32_t x) {
  for (std::int32_t row = rows.ahead[0]; row < rows.ahead[1]; ++row) {
    _mm_prefetch(reinterpret_cast<const char*>(job.src.data + row * job.src.stride + x), _MM_HINT_T0);
  }
}

// A Q14 weight is 128 * high + low, with high 0..64 and low -64..63. Two rows' bytes are multiplied and added in one
// instruction, each part for itself: no sum of two leaves 16 bits, for no two weights are above 1 together.
//
// Of all rows the high parts come to at most 255 * 132, which fits a word without a sign. The low parts of up to four
// rows lie within 255 * 4 * 64 = 65280 of each other: from an offset on that keeps them above 0 they fit one too. The
// two halves of the low parts are brought together by the average that rounds up, without the loss of a bit that counts:
//
//   ((first + second + 1) >> 1) >> 6 = (sum of low * p + 64 + 128 * lift) >> 7, where first + second + 1 is what is
//   shifted there, and `lift`, a whole number, is taken away again at the end
class TriangleBytes {
 public:
  explicit TriangleBytes(const TriangleRows& rows) : pairs_((rows.count + 1) / 2) {
    fits_ = pairs_ <= kPairs;
    std::int32_t below[2] = {0, 0};  // how far the sums of the low parts may fall below 0
    for (std::int32_t pair = 0; fits_ && pair < pairs_; ++pair) {
      std::int32_t high[2] = {}, low[2] = {};
      for (int i = 0; i < 2 && 2 * pair + i < rows.count; ++i) {
        const std::int32_t weight = rows.weights[2 * pair + i];
        high[i] = (weight + 64) >> 7;
        low[i] = weight - 128 * high[i];
        if (high[i] < 0 || high[i] > 64) fits_ = false;
        if (low[i] < 0) below[pair / 2] -= 255 * low[i];
      }
      high_[pair] = _mm256_set1_epi16(static_cast<short>(high[0] | high[1] << 8));
      low_[pair] = _mm256_set1_epi16(static_cast<short>((low[0] & 255) | (low[1] & 255) << 8));
    }
    const std::int32_t lift = (below[0] + below[1] + 127) / 128;
    start_[0] = _mm256_set1_epi16(static_cast<short>(below[0]));
    start_[1] = _mm256_set1_epi16(static_cast<short>(128 * lift - below[0] + 63));
    lift_ = _mm256_set1_epi16(static_cast<short>(lift));
  }

  bool fits() const { return fits_; }

  // Words [begin, end) of the row, 32 a step, to dst; gives how far it came.
  std::int32_t sum(const ResizeTriangle& job, const TriangleRows& rows, std::int32_t begin, std::int32_t end,
                   std::int16_t* dst) const {
    switch (pairs_) {
      case 1:
        return sum_of<1>(job, rows, begin, end, dst);
      case 2:
        return sum_of<2>(job, rows, begin, end, dst);
      case 3:
        return sum_of<3>(job, rows, begin, end, dst);
      default:
        return sum_of<4>(job, rows, begin, end, dst);
    }
  }

 private:
  static constexpr std::int32_t kPairs = 4;

  template <std::int32_t kCount>
  std::int32_t sum_of(const ResizeTriangle& job, const TriangleRows& rows, std::int32_t begin, std::int32_t end,
                      std::int16_t* dst) const {
    std::int32_t x = begin;
    for (; x + 32 <= end; x += 32, dst += 32) {
      if (x % 64 == 0) triangle_fetch(job, rows, x);
      __m256i whole[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
      __m256i part[2][2] = {{start_[0], start_[0]}, {start_[1], start_[1]}};
#pragma GCC unroll 4
      for (std::int32_t pair = 0; pair < kCount; ++pair) {
        const std::uint8_t* p = rows.top + 2 * pair * rows.stride + x;
        const std::uint8_t* q = 2 * pair + 1 < rows.count ? p + rows.stride : p;  // a missing row has weight 0
        const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
        const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q));
        const __m256i taps[2] = {_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b)};
#pragma GCC unroll 2
        for (int i = 0; i < 2; ++i) {
          whole[i] = _mm256_add_epi16(whole[i], _mm256_maddubs_epi16(taps[i], high_[pair]));
          part[pair / 2][i] = _mm256_add_epi16(part[pair / 2][i], _mm256_maddubs_epi16(taps[i], low_[pair]));
        }
      }
      __m256i words[2];
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        const __m256i rest = _mm256_srli_epi16(_mm256_avg_epu16(part[0][i], part[1][i]), 6);
        words[i] = _mm256_sub_epi16(_mm256_add_epi16(whole[i], rest), lift_);
      }
      // unpacking works within lanes
      const __m256i first = _mm256_permute2x128_si256(words[0], words[1], 0x20);
      const __m256i last = _mm256_permute2x128_si256(words[0], words[1], 0x31);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst), first);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + 16), last);
    }
    return x;
  }

  const std::int32_t pairs_;
  bool fits_;
  __m256i high_[kPairs], low_[kPairs], start_[2], lift_;
};
#endif

}  // namespace
