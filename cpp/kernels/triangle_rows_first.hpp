// resize_triangle, rows first: the source rows under one output row are summed into one row of Q7 words, interleaved as
// they are, which is then filtered sideways; only the finished sums are brought into planes.
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
#endif

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
inline void triangle_sum_rows([[maybe_unused]] const ResizeTriangle& job, const TriangleRows& rows, std::int32_t n,
                              std::uint8_t*, std::int16_t* __restrict dst) {
  std::int32_t x = 0;
#ifdef __AVX2__
  for (; x + 16 <= n; x += 16) {
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
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + x), words);
  }
#endif
  constexpr std::int32_t kBlock = 64;
  for (; x < n; x += kBlock) {
    const std::int32_t m = n - x < kBlock ? n - x : kBlock;
    std::int32_t sums[kBlock] = {};
    for (std::int32_t t = 0; t < rows.count; ++t) {
      const std::uint8_t* __restrict p = rows.top + t * rows.stride + x;
      const std::int32_t w = rows.weights[t];
      for (std::int32_t i = 0; i < m; ++i) sums[i] += w * p[i];
    }
    for (std::int32_t i = 0; i < m; ++i) dst[x + i] = static_cast<std::int16_t>((sums[i] + 64) >> 7);
  }
}
#endif

#ifdef __AVX2__
// words r0 g0 b0 (a0) r1 g1 b1 -> r0 r1 g0 g1 b0 b1 . .
template <int kChannels>
inline __m128i word_pairs() {
  constexpr char s = 2 * kChannels;
  constexpr char z = -1;
  return _mm_setr_epi8(0, 1, s, s + 1, 2, 3, s + 2, s + 3, 4, 5, s + 4, s + 5, z, z, z, z);
}

// Eight output pixels of a 3- or 4-channel row, two taps a step.
template <int kChannels>
inline void triangle_words8(const ResizeTriangle& job, const std::int16_t* row, std::int32_t x, std::int32_t* dst,
                            std::ptrdiff_t plane) {
  const __m256i spread = _mm256_broadcastsi128_si256(word_pairs<kChannels>());
  const FilterAxis& axis = job.columns;
  __m256i sums[4];
  for (int k = 0; k < 4; ++k) {
    const std::int16_t* p = row + axis.first[x + k] * kChannels;
    const std::int16_t* q = row + axis.first[x + k + 4] * kChannels;
    const std::int16_t* wp = axis.weights + static_cast<std::ptrdiff_t>(x + k) * axis.stride;
    const std::int16_t* wq = wp + 4 * static_cast<std::ptrdiff_t>(axis.stride);
    const std::int32_t count = axis.count[x + k] > axis.count[x + k + 4] ? axis.count[x + k] : axis.count[x + k + 4];
    __m256i sum = _mm256_setzero_si256();
    for (std::int32_t t = 0; t < count; t += 2) {
      const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + t * kChannels));
      const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(q + t * kChannels));
      const __m256i taps = _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), spread);
      const __m256i w = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_broadcastd_epi32(_mm_loadu_si32(wp + t))),
                                                _mm_broadcastd_epi32(_mm_loadu_si32(wq + t)), 1);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(taps, w));
    }
    sums[k] = sum;
  }
  __m256i planes[3];
  transpose_rgbx(sums, planes);
  for (int c = 0; c < 3; ++c) _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + c * plane + x), planes[c]);
}
#endif

#ifdef __AVX512F__
// Sixteen output pixels of a 3- or 4-channel row, two taps a step; eight taps' weights are loaded at once, and may be
// the next pixels'.
template <int kChannels>
inline void triangle_words16(const ResizeTriangle& job, const std::int16_t* row, std::int32_t x, std::int32_t* dst,
                             std::ptrdiff_t plane) {
  const __m512i spread = _mm512_broadcast_i32x4(word_pairs<kChannels>());
  const FilterAxis& axis = job.columns;
  const auto four = [](const std::int16_t* a, const std::int16_t* b, const std::int16_t* c, const std::int16_t* d) {
    const auto load = [](const std::int16_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); };
    __m512i lanes = _mm512_castsi128_si512(load(a));
    lanes = _mm512_inserti32x4(lanes, load(b), 1);
    lanes = _mm512_inserti32x4(lanes, load(c), 2);
    return _mm512_inserti32x4(lanes, load(d), 3);
  };
  __m512i sums[4];
  for (int k = 0; k < 4; ++k) {
    const std::int32_t* first = axis.first + x + k;
    const std::int16_t* p[4];
    for (int lane = 0; lane < 4; ++lane) p[lane] = row + first[4 * lane] * kChannels;
    const std::int16_t* w = axis.weights + static_cast<std::ptrdiff_t>(x + k) * axis.stride;
    const std::ptrdiff_t on = 4 * static_cast<std::ptrdiff_t>(axis.stride);
    __m512i sum = _mm512_setzero_si512();
    const auto step = [&](std::int32_t t, __m512i weights) {
      const std::ptrdiff_t at = t * kChannels;
      const __m512i taps = _mm512_shuffle_epi8(four(p[0] + at, p[1] + at, p[2] + at, p[3] + at), spread);
      sum = _mm512_dpwssd_epi32(sum, taps, weights);
    };
    for (std::int32_t t = 0; t < axis.stride; t += 8) {
      const __m512i weights = four(w + t, w + on + t, w + 2 * on + t, w + 3 * on + t);
      step(t, _mm512_shuffle_epi32(weights, _MM_PERM_AAAA));
      if (t + 2 < axis.stride) step(t + 2, _mm512_shuffle_epi32(weights, _MM_PERM_BBBB));
      if (t + 4 < axis.stride) step(t + 4, _mm512_shuffle_epi32(weights, _MM_PERM_CCCC));
      if (t + 6 < axis.stride) step(t + 6, _mm512_shuffle_epi32(weights, _MM_PERM_DDDD));
    }
    sums[k] = sum;  // pixel k + 4 * lane
  }
  const __m512i rg01 = _mm512_unpacklo_epi32(sums[0], sums[1]);
  const __m512i rg23 = _mm512_unpacklo_epi32(sums[2], sums[3]);
  const __m512i bx01 = _mm512_unpackhi_epi32(sums[0], sums[1]);
  const __m512i bx23 = _mm512_unpackhi_epi32(sums[2], sums[3]);
  _mm512_storeu_si512(dst + x, _mm512_unpacklo_epi64(rg01, rg23));
  _mm512_storeu_si512(dst + plane + x, _mm512_unpackhi_epi64(rg01, rg23));
  _mm512_storeu_si512(dst + 2 * plane + x, _mm512_unpacklo_epi64(bx01, bx23));
}
#endif

#ifdef __AVX2__
// Eight output pixels of a grey row, eight taps a step; the weights of the last step may run into the next pixels'.
inline void triangle_grey_words8(const ResizeTriangle& job, const std::int16_t* row, std::int32_t x,
                                 std::int32_t* dst) {
  alignas(32) static constexpr std::int16_t kOnes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
  const FilterAxis& axis = job.columns;
  const auto both = [](const std::int16_t* low, const std::int16_t* high) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(low))),
                                   _mm_loadu_si128(reinterpret_cast<const __m128i*>(high)), 1);
  };
  __m256i sums[4];
  for (int k = 0; k < 4; ++k) {
    const std::int16_t* p = row + axis.first[x + k];
    const std::int16_t* q = row + axis.first[x + k + 4];
    const std::int16_t* w = axis.weights + static_cast<std::ptrdiff_t>(x + k) * axis.stride;
    const std::int16_t* v = w + 4 * static_cast<std::ptrdiff_t>(axis.stride);
    __m256i sum = _mm256_setzero_si256();
    for (std::int32_t t = 0; t < axis.stride; t += 8) {
      const std::int16_t* ones = kOnes + (axis.stride - t < 8 ? 8 - (axis.stride - t) : 0);
      const __m256i weights = _mm256_and_si256(both(w + t, v + t), both(ones, ones));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(both(p + t, q + t), weights));
    }
    sums[k] = sum;
  }
  const auto halves = [](__m256i a, __m256i b) {
    return _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
  };
  const __m256i ab = halves(sums[0], sums[1]);  // a b a b: two parts of each
  const __m256i cd = halves(sums[2], sums[3]);
  const __m256i abcd = _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + x), abcd);
}

template <int kChannels>
inline std::int32_t triangle_words(const ResizeTriangle& job, const std::int16_t* row, std::int32_t* dst,
                                   std::ptrdiff_t plane) {
  std::int32_t x = 0;
  // three more pixels have the 12 bytes of weights that may be read beyond the last
  if constexpr (kChannels == 1) {
    for (; x + 8 + 3 <= job.out.width; x += 8) triangle_grey_words8(job, row, x, dst);
    return x;
  }
#ifdef __AVX512F__
  for (; x + 16 + 3 <= job.out.width; x += 16) triangle_words16<kChannels>(job, row, x, dst, plane);
#endif
  for (; x + 8 <= job.out.width; x += 8) triangle_words8<kChannels>(job, row, x, dst, plane);
  return x;
}
#endif

class TriangleRowsFirst {
 public:
  TriangleRowsFirst(const ResizeTriangle& job, void* scratch) : job_(job) {
    sums_ = static_cast<std::int32_t*>(scratch);
    words_ = reinterpret_cast<std::int16_t*>(sums_ + 3 * static_cast<std::ptrdiff_t>(padded(job.out.width)));
    parts_ = reinterpret_cast<std::uint8_t*>(words_ + triangle_row_words(job));
  }

  // The three planes of sums of output row y, each padded.
  const std::int32_t* row(std::int32_t y) {
    const std::int32_t n = job_.src.width * job_.src.channels;
    const FilterAxis& axis = job_.rows;
    const std::int32_t seen = axis.first[y] + axis.count[y];
    const std::int32_t next = y + 1 < job_.out.height ? axis.first[y + 1] + axis.count[y + 1] : seen;
    const TriangleRows rows{job_.src.data + axis.first[y] * job_.src.stride,
                            job_.src.stride,
                            axis.count[y],
                            axis.weights + static_cast<std::ptrdiff_t>(y) * axis.stride,
                            {seen, next}};
    triangle_sum_rows(job_, rows, n, parts_, words_);
    const std::int32_t ahead = job_.columns.stride * job_.src.channels + 8;
    for (std::int32_t i = 0; i < ahead; ++i) words_[n + i] = 0;  // filters run on over zero weights
    columns();
    return sums_;
  }

 private:
  void columns() {
    const std::int32_t channels = job_.src.channels;
    const std::ptrdiff_t plane = padded(job_.out.width);
    std::int32_t x = 0;
#ifdef __AVX2__
    if (channels == 1) x = triangle_words<1>(job_, words_, sums_, plane);
    if (channels == 3) x = triangle_words<3>(job_, words_, sums_, plane);
    if (channels == 4) x = triangle_words<4>(job_, words_, sums_, plane);
#endif
    for (; x < job_.out.width; ++x) {
      const std::int16_t* weights = job_.columns.weights + static_cast<std::ptrdiff_t>(x) * job_.columns.stride;
      const std::int16_t* p = words_ + job_.columns.first[x] * channels;
      for (std::int32_t c = 0; c < planes_of(job_.src); ++c) {
        std::int32_t sum = 0;
        for (std::int32_t t = 0; t < job_.columns.count[x]; ++t) sum += weights[t] * p[t * channels + c];
        sums_[c * plane + x] = sum;
      }
    }
  }

  const ResizeTriangle& job_;
  std::int32_t* sums_;
  std::int16_t* words_;
  std::uint8_t* parts_;  // of the weights of one output row
};

}  // namespace
