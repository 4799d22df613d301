// resize_triangle, rows first: the source rows under one output row are summed into one row of Q7 words, interleaved as
// they are, which is then filtered sideways; only the finished sums are brought into planes.
#pragma once

#include <optional>

#include "kernels/triangle_bytes.hpp"
#include "kernels/triangle_planes.hpp"
#include "kernels/triangle_words.hpp"
#include "kernels/triangle_write.hpp"

namespace {

#ifdef __AVX512F__
// 64 words a step, four rows at a time in 8-bit multiplications: a Q14 weight is 256 * high + low, with high 0..64 and
// low -128..127.
inline void triangle_sum_rows(const ResizeTriangle& job, const TriangleRows& rows, std::int32_t n, std::uint8_t* parts,
                              std::int16_t* dst) {
  const std::int32_t fours = (rows.count + 3) / 4;
  for (std::int32_t t = 0; t < 4 * fours; ++t) {
    const std::int32_t w = t < rows.count ? rows.weights[t] : 0;
    const std::int32_t high = (w + 128) >> 8;
    parts[t / 4 * 8 + t % 4] = static_cast<std::uint8_t>(high);
    parts[t / 4 * 8 + t % 4 + 4] = static_cast<std::uint8_t>(w - 256 * high);
  }
  const __m512i half = _mm512_set1_epi32(64);
  const __m512i first_words = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i last_words = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  for (std::int32_t x = 0; x < n; x += 64) {
    triangle_fetch(job, rows, x);
    const __mmask64 inside = n - x < 64 ? (std::uint64_t{1} << (n - x)) - 1 : ~std::uint64_t{0};
    __m512i high[4] = {};
    __m512i low[4] = {half, half, half, half};
    for (std::int32_t four = 0; four < fours; ++four) {
      const std::uint8_t* p = rows.top + 4 * four * rows.stride + x;
      const std::int32_t last = rows.count - 4 * four - 1;
      const auto bytes = [&](std::int32_t t) {
        return _mm512_maskz_loadu_epi8(inside, p + (t < last ? t : last) * rows.stride);
      };
      const __m512i a = bytes(0), b = bytes(1), c = bytes(2), d = bytes(3);
      const __m512i near[2] = {_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b)};
      const __m512i far[2] = {_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d)};
      const __m512i high_part = _mm512_set1_epi32(_mm_cvtsi128_si32(_mm_loadu_si32(parts + 8 * four)));
      const __m512i low_part = _mm512_set1_epi32(_mm_cvtsi128_si32(_mm_loadu_si32(parts + 8 * four + 4)));
      for (int k = 0; k < 4; ++k) {
        // bytes a b c d of one word of the row
        const __m512i taps =
            k % 2 ? _mm512_unpackhi_epi16(near[k / 2], far[k / 2]) : _mm512_unpacklo_epi16(near[k / 2], far[k / 2]);
        high[k] = _mm512_dpbusd_epi32(high[k], taps, high_part);
        low[k] = _mm512_dpbusd_epi32(low[k], taps, low_part);
      }
    }
    for (int k = 0; k < 4; ++k) {
      low[k] = _mm512_srai_epi32(_mm512_add_epi32(low[k], _mm512_slli_epi32(high[k], 8)), 7);
    }
    // within lanes of 16 bytes: the first 8 words of each, and the last 8
    const __m512i first = _mm512_packs_epi32(low[0], low[1]);
    const __m512i last = _mm512_packs_epi32(low[2], low[3]);
    _mm512_storeu_si512(dst + x, _mm512_permutex2var_epi64(first, first_words, last));
    _mm512_storeu_si512(dst + x + 32, _mm512_permutex2var_epi64(first, last_words, last));
  }
}
#else
// Words [begin, end) of the row, begin being a multiple of 64.
template <typename Bytes>
inline void triangle_sum_rows([[maybe_unused]] const ResizeTriangle& job, const TriangleRows& rows,
                              [[maybe_unused]] const Bytes& bytes, std::int32_t begin, std::int32_t end,
                              std::int16_t* __restrict dst) {
  std::int32_t x = begin;
#ifdef __AVX2__
  if (bytes.fits()) x = bytes.sum(job, rows, begin, end, dst);
  for (; x + 16 <= end; x += 16) {
    if (x % 64 == 0) triangle_fetch(job, rows, x);
    __m256i low = _mm256_set1_epi32(64);
    __m256i high = low;
    for (std::int32_t t = 0; t < rows.count; t += 2) {
      // two rows' bytes as word pairs (row t, row t + 1); a missing second row has weight 0
      const std::uint8_t* p = rows.top + t * rows.stride + x;
      const std::uint8_t* q = t + 1 < rows.count ? p + rows.stride : p;
      const __m256i a = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
      const __m256i b = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(q)));
      const __m256i w = _mm256_broadcastd_epi32(_mm_loadu_si32(rows.weights + t));
      low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), w));
      high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), w));
    }
    // unpack and pack both work within lanes: the order is the source's again
    const __m256i words = _mm256_packs_epi32(_mm256_srai_epi32(low, 7), _mm256_srai_epi32(high, 7));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + (x - begin)), words);
  }
#endif
  constexpr std::int32_t kBlock = 64;
  for (; x < end; x += kBlock) {
    const std::int32_t m = end - x < kBlock ? end - x : kBlock;
    std::int32_t sums[kBlock] = {};
    for (std::int32_t t = 0; t < rows.count; ++t) {
      const std::uint8_t* __restrict p = rows.top + t * rows.stride + x;
      const std::int32_t w = rows.weights[t];
      for (std::int32_t i = 0; i < m; ++i) sums[i] += w * p[i];
    }
    for (std::int32_t i = 0; i < m; ++i) dst[x - begin + i] = static_cast<std::int16_t>((sums[i] + 64) >> 7);
  }
}
#endif

class TriangleRowsFirst {
 public:
  TriangleRowsFirst(const ResizeTriangle& job, void* scratch) : job_(job) {
    sums_ = static_cast<std::int32_t*>(scratch);
    words_ = reinterpret_cast<std::int16_t*>(sums_ + 3 * static_cast<std::ptrdiff_t>(padded_width(job.out.width)));
    std::int16_t* const rest = words_ + triangle_row_words(job);
    parts_ = reinterpret_cast<std::uint8_t*>(rest);
#if RMBG_FAST_ONLY_AVX2
    if (job.src.channels != 4) columns_.emplace(job, rest);
#endif
  }

  // Writes output row y; the rows from `end` on are not this call's, and nothing of theirs is read.
  void row(std::int32_t y, std::int32_t end) {
    const FilterAxis& axis = job_.rows;
    const std::int32_t seen = axis.first[y] + axis.count[y];
    const std::int32_t next = y + 1 < end ? axis.first[y + 1] + axis.count[y + 1] : seen;
    const TriangleRows rows{job_.src.data + axis.first[y] * job_.src.stride,
                            job_.src.stride,
                            axis.count[y],
                            axis.weights + static_cast<std::ptrdiff_t>(y) * axis.stride,
                            {seen, next}};
#if RMBG_FAST_ONLY_AVX2
    sum_rows(rows);
    if (columns_) {
      triangle_write(job_, y, sums_,
                     [&](std::int32_t plane, std::int32_t x) { return columns_->sums(words_, plane, x); });
    } else {
      triangle_words(job_, words_, sums_);
      const std::ptrdiff_t planes = padded_width(job_.out.width);
      triangle_write(job_, y, sums_,
                     [&](std::int32_t plane, std::int32_t x) { return load_sums(sums_ + plane * planes + x); });
    }
#else
    const std::int32_t n = job_.src.width * job_.src.channels;
#ifdef __AVX512F__
    triangle_sum_rows(job_, rows, n, parts_, words_);
#else
    triangle_sum_rows(job_, rows, nullptr, 0, n, words_);
#endif
    triangle_words(job_, words_, sums_);
    triangle_write(job_, y, sums_);
#endif
  }

 private:
#if RMBG_FAST_ONLY_AVX2
  // Into words_: as they are, or of RGB in planes, by blocks that stay in the first-level cache.
  void sum_rows(const TriangleRows& rows) const {
    const std::int32_t n = job_.src.width * job_.src.channels;
    const TriangleBytes bytes(rows);
    if (job_.src.channels != 3) return triangle_sum_rows(job_, rows, bytes, 0, n, words_);
    constexpr std::int32_t kBlock = 3 * 512;
    std::int16_t block[kBlock + 48];
    const std::ptrdiff_t plane = triangle_plane_words(job_);
    for (std::int32_t x = 0; x < n; x += kBlock) {
      const std::int32_t end = n - x < kBlock ? n : x + kBlock;
      triangle_sum_rows(job_, rows, bytes, x, end, block);
      part_rgb_words(block, (end - x) / 3, words_ + x / 3, plane);
    }
  }
#endif

  const ResizeTriangle& job_;
  std::int32_t* sums_;
  std::int16_t* words_;
  std::uint8_t* parts_;  // of the weights of one output row
#if RMBG_FAST_ONLY_AVX2
  std::optional<TriangleColumns> columns_;
#endif
};

}  // namespace
