// The columns of resize_triangle where many taps make one: a row of interleaved words into planes of sums.
#pragma once

#include "kernels/rows.hpp"

namespace {

#ifdef __AVX2__
// words r0 g0 b0 (a0) r1 g1 b1 -> r0 r1 g0 g1 b0 b1 . .
template <int kChannels>
inline __m128i word_pairs() {
  constexpr char s = 2 * kChannels;
  constexpr char z = -1;
  return _mm_setr_epi8(0, 1, s, s + 1, 2, 3, s + 2, s + 3, 4, 5, s + 4, s + 5, z, z, z, z);
}

// Eight output pixels of a 3- or 4-channel row, two taps a step; eight taps' weights are loaded at once, and may be the
// next pixels'.
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
    __m256i sum = _mm256_setzero_si256();
    const auto step = [&](std::int32_t t, __m256i weights) {
      const __m256i taps = _mm256_shuffle_epi8(two_lanes(p + t * kChannels, q + t * kChannels), spread);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(taps, weights));
    };
    for (std::int32_t t = 0; t < axis.stride; t += 8) {
      const __m256i weights = two_lanes(wp + t, wq + t);
      step(t, _mm256_shuffle_epi32(weights, 0x00));
      if (t + 2 < axis.stride) step(t + 2, _mm256_shuffle_epi32(weights, 0x55));
      if (t + 4 < axis.stride) step(t + 4, _mm256_shuffle_epi32(weights, 0xaa));
      if (t + 6 < axis.stride) step(t + 6, _mm256_shuffle_epi32(weights, 0xff));
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
  __m256i sums[4];
  for (int k = 0; k < 4; ++k) {
    const std::int16_t* p = row + axis.first[x + k];
    const std::int16_t* q = row + axis.first[x + k + 4];
    const std::int16_t* w = axis.weights + static_cast<std::ptrdiff_t>(x + k) * axis.stride;
    const std::int16_t* v = w + 4 * static_cast<std::ptrdiff_t>(axis.stride);
    __m256i sum = _mm256_setzero_si256();
    for (std::int32_t t = 0; t < axis.stride; t += 8) {
      const std::int16_t* ones = kOnes + (axis.stride - t < 8 ? 8 - (axis.stride - t) : 0);
      const __m256i weights = _mm256_and_si256(two_lanes(w + t, v + t), two_lanes(ones, ones));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(two_lanes(p + t, q + t), weights));
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
inline std::int32_t triangle_words_by_8(const ResizeTriangle& job, const std::int16_t* row, std::int32_t* dst,
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
  for (; x + 8 + 3 <= job.out.width; x += 8) triangle_words8<kChannels>(job, row, x, dst, plane);
  return x;
}
#endif

// The row has triangle_row_words; what lies beyond its pixels is multiplied by 0. Planes are padded.
inline void triangle_words(const ResizeTriangle& job, std::int16_t* row, std::int32_t* sums) {
  const std::int32_t channels = job.src.channels;
  const std::ptrdiff_t plane = padded_width(job.out.width);
  std::int32_t x = 0;
#ifdef __AVX2__
  if (channels == 1) x = triangle_words_by_8<1>(job, row, sums, plane);
  if (channels == 3) x = triangle_words_by_8<3>(job, row, sums, plane);
  if (channels == 4) x = triangle_words_by_8<4>(job, row, sums, plane);
#endif
  for (; x < job.out.width; ++x) {
    const std::int16_t* weights = job.columns.weights + static_cast<std::ptrdiff_t>(x) * job.columns.stride;
    const std::int16_t* p = row + job.columns.first[x] * channels;
    for (std::int32_t c = 0; c < planes_of(job.src); ++c) {
      std::int32_t sum = 0;
      for (std::int32_t t = 0; t < job.columns.count[x]; ++t) sum += weights[t] * p[t * channels + c];
      sums[c * plane + x] = sum;
    }
  }
}

}  // namespace
