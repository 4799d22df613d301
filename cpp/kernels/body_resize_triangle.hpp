// resize_triangle: the source rows under one output row are summed into one row of Q7 words, which is then filtered
// sideways. Interleaved all the way; only the finished sums are brought into planes.
#pragma once

#include "kernels/rows.hpp"

namespace {

inline void triangle_rows(const ResizeTriangle& job, std::int32_t y, std::int16_t* __restrict dst) {
  const std::int32_t n = job.src.width * job.src.channels;
  const std::int32_t count = job.rows.count[y];
  const std::uint8_t* top = job.src.data + job.rows.first[y] * job.src.stride;
  const std::int16_t* weights = job.rows.weights + static_cast<std::ptrdiff_t>(y) * job.rows.stride;
  std::int32_t x = 0;
#ifdef __AVX2__
  // The rows that the next output row adds are fetched meanwhile.
  const std::int32_t seen = job.rows.first[y] + count;
  const std::int32_t next = y + 1 < job.out.height ? job.rows.first[y + 1] + job.rows.count[y + 1] : seen;
  for (; x + 16 <= n; x += 16) {
    if (x % 64 == 0) {
      for (std::int32_t row = seen; row < next; ++row) {
        _mm_prefetch(reinterpret_cast<const char*>(job.src.data + row * job.src.stride + x), _MM_HINT_T0);
      }
    }
    __m256i low = _mm256_set1_epi32(64);
    __m256i high = low;
    for (std::int32_t t = 0; t < count; t += 2) {
      // two rows' bytes as word pairs (row t, row t + 1); a missing second row has weight 0
      const std::uint8_t* p = top + t * job.src.stride + x;
      const std::uint8_t* q = t + 1 < count ? p + job.src.stride : p;
      const __m256i a = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
      const __m256i b = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(q)));
      const __m256i w = _mm256_broadcastd_epi32(_mm_loadu_si32(weights + t));
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
    for (std::int32_t t = 0; t < count; ++t) {
      const std::uint8_t* __restrict p = top + t * job.src.stride + x;
      const std::int32_t w = weights[t];
      for (std::int32_t i = 0; i < m; ++i) sums[i] += w * p[i];
    }
    for (std::int32_t i = 0; i < m; ++i) dst[x + i] = static_cast<std::int16_t>((sums[i] + 64) >> 7);
  }
  const std::int32_t ahead = triangle_row_words(job) - n;
  for (std::int32_t i = 0; i < ahead; ++i) dst[n + i] = 0;  // filters run on over zero weights
}

#ifdef __AVX2__
// Eight output pixels of a 3- or 4-channel row, two taps a step.
template <int kChannels>
inline void triangle_columns8(const ResizeTriangle& job, const std::int16_t* row, std::int32_t x, std::int32_t* dst,
                              std::ptrdiff_t plane) {
  // words r0 g0 b0 (a0) r1 g1 b1 -> r0 r1 g0 g1 b0 b1 . .
  constexpr char s = 2 * kChannels;
  constexpr char z = -1;
  const __m256i spread =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, s, s + 1, 2, 3, s + 2, s + 3, 4, 5, s + 4, s + 5, z, z, z, z));
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

inline void triangle_columns(const ResizeTriangle& job, const std::int16_t* row, std::int32_t* dst) {
  const std::int32_t channels = job.src.channels;
  const std::int32_t used = planes_of(job.src);
  const std::ptrdiff_t plane = padded(job.out.width);
  std::int32_t x = 0;
#ifdef __AVX2__
  if (channels > 1) {
    for (; x + 8 <= job.out.width; x += 8) {
      if (channels == 3) {
        triangle_columns8<3>(job, row, x, dst, plane);
      } else {
        triangle_columns8<4>(job, row, x, dst, plane);
      }
    }
  }
#endif
  for (; x < job.out.width; ++x) {
    const std::int16_t* weights = job.columns.weights + static_cast<std::ptrdiff_t>(x) * job.columns.stride;
    const std::int16_t* p = row + job.columns.first[x] * channels;
    for (std::int32_t c = 0; c < used; ++c) {
      std::int32_t sum = 0;
      for (std::int32_t t = 0; t < job.columns.count[x]; ++t) sum += weights[t] * p[t * channels + c];
      dst[c * plane + x] = sum;
    }
  }
}

void resize_triangle(const ResizeTriangle& job, std::int32_t row_begin, std::int32_t row_end, void* scratch) {
  const std::ptrdiff_t plane = padded(job.out.width);
  std::int32_t* sums = static_cast<std::int32_t*>(scratch);
  std::int16_t* row = reinterpret_cast<std::int16_t*>(sums + 3 * plane);
  const std::int32_t half = job.out.rounding == Rounding::nearest ? 1 << 20 : 0;
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    triangle_rows(job, y, row);
    triangle_columns(job, row, sums);
    for (std::int32_t c = 0; c < 3; ++c) {
      const std::int32_t* __restrict from = sums + source_plane(job.src, c) * plane;
      const float scale = job.out.scale[c];
      const float bias = job.out.bias[c];
      if (job.out.rounding == Rounding::none) {
        const float gain = scale * 0x1p-21f;
        write_row(job.out, c, y, [=](std::int32_t begin, std::int32_t n, float* __restrict to) {
          for (std::int32_t x = 0; x < n; ++x) to[x] = static_cast<float>(from[begin + x]) * gain + bias;
        });
      } else {
        write_row(job.out, c, y, [=](std::int32_t begin, std::int32_t n, float* __restrict to) {
          for (std::int32_t x = 0; x < n; ++x) {
            to[x] = static_cast<float>((from[begin + x] + half) >> 21) * scale + bias;
          }
        });
      }
    }
  }
}

}  // namespace
