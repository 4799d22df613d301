// resize_triangle, columns first: each source row is filtered sideways once, into planes of Q7 words that are kept in a
// ring while output rows need them.
#pragma once

#include <cstring>

#include "kernels/gather.hpp"
#include "kernels/rows.hpp"
#include "kernels/triangle_words.hpp"

namespace {

#ifdef __AVX2__
inline __m256i to_q7(__m256i sum) { return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(64)), 7); }

// Eight output pixels of a 3- or 4-channel row, from 16 bytes for each two pairs of taps. 16 bytes of weights are
// loaded for each pixel, and may be the next pixels'.
template <int kChannels, int kPairs>
inline void triangle_columns8(const ResizeTriangle& job, const std::uint8_t* p, std::int32_t x, std::int16_t* dst,
                              std::ptrdiff_t plane) {
  // bytes of two pixels -> words a0 b0 a1 b1 a2 b2 . .
  constexpr char c = kChannels;
  constexpr char z = -1;
  const __m256i even =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, z, c, z, 1, z, c + 1, z, 2, z, c + 2, z, z, z, z, z));
  const __m256i odd = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(2 * c, z, 3 * c, z, 2 * c + 1, z, 3 * c + 1, z, 2 * c + 2, z, 3 * c + 2, z, z, z, z, z));
  const std::int32_t* first = job.columns.first + x;
  const std::ptrdiff_t stride = job.columns.stride;
  const std::int16_t* w = job.columns.weights + x * stride;
  __m256i sums[4];
  for (int k = 0; k < 4; ++k) {
    const __m256i weights = two_lanes(w + k * stride, w + (k + 4) * stride);
    const std::uint8_t* low = p + first[k] * kChannels;
    const std::uint8_t* high = p + first[k + 4] * kChannels;
    const __m256i near = two_lanes(low, high);
    __m256i sum = _mm256_madd_epi16(_mm256_shuffle_epi8(near, even), _mm256_shuffle_epi32(weights, 0x00));
    const auto add = [&](__m256i taps, __m256i by) { sum = _mm256_add_epi32(sum, _mm256_madd_epi16(taps, by)); };
    if constexpr (kPairs > 1) add(_mm256_shuffle_epi8(near, odd), _mm256_shuffle_epi32(weights, 0x55));
    if constexpr (kPairs > 2) {
      const __m256i far = two_lanes(low + 4 * kChannels, high + 4 * kChannels);
      add(_mm256_shuffle_epi8(far, even), _mm256_shuffle_epi32(weights, 0xaa));
    }
    sums[k] = sum;
  }
  __m256i planes[3];
  transpose_rgbx(sums, planes);
  const __m256i red_green = _mm256_packs_epi32(to_q7(planes[0]), to_q7(planes[1]));
  const __m256i blue = _mm256_packs_epi32(to_q7(planes[2]), _mm256_setzero_si256());
  const auto store = [&](std::int16_t* to, __m128i words) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + x), words);
  };
  const __m256i straight = _mm256_permute4x64_epi64(red_green, 0xd8);
  store(dst, _mm256_castsi256_si128(straight));
  store(dst + plane, _mm256_extracti128_si256(straight, 1));
  store(dst + 2 * plane, _mm256_castsi256_si128(_mm256_permute4x64_epi64(blue, 0xd8)));
}

// Eight output pixels of a grey row, from 4 bytes for each two pairs of taps.
template <int kPairs>
inline void triangle_grey8(const ResizeTriangle& job, const std::uint8_t* p, std::int32_t x, std::int16_t* dst) {
  constexpr char z = -1;
  const __m256i even = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, z, 1, z, 4, z, 5, z, 8, z, 9, z, 12, z, 13, z));
  const __m256i odd = _mm256_broadcastsi128_si256(_mm_setr_epi8(2, z, 3, z, 6, z, 7, z, 10, z, 11, z, 14, z, 15, z));
  const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(job.columns.first + x));
  const auto* w = reinterpret_cast<const int*>(job.columns.weights + std::ptrdiff_t{x} * 2 * kPairs);
  const __m256i pixels = _mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(kPairs));
  __m256i sum = _mm256_setzero_si256();
  for (int pair = 0; pair < kPairs; pair += 2) {
    const __m256i bytes = _mm256_i32gather_epi32(reinterpret_cast<const int*>(p + 2 * pair), first, 1);
    const auto add = [&](__m256i order, const int* weights) {
      const __m256i by = _mm256_i32gather_epi32(weights, pixels, 4);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(bytes, order), by));
    };
    add(even, w + pair);
    if (pair + 1 < kPairs) add(odd, w + pair + 1);
  }
  sum = to_q7(sum);
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(sum, sum), 0xd8);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + x), _mm256_castsi256_si128(words));
}

template <int kPairs>
inline std::int32_t triangle_columns_by_8(const ResizeTriangle& job, const std::uint8_t* p, std::int16_t* dst) {
  const std::ptrdiff_t plane = padded_width(job.out.width);
  const std::int32_t channels = job.src.channels;
  const std::int32_t pixels = kPairs > 2 ? 4 : 0;  // before the second load for one output
  const std::int32_t loaded = channels == 1 ? 4 : 16;
  const std::int32_t last = (job.src.width - pixels) * channels - loaded;  // byte that can be loaded from
  std::int32_t x = 0;
  // three more pixels have the 12 bytes of weights that may be read beyond the last
  for (; x + 8 + 3 <= job.out.width && job.columns.first[x + 7] * channels <= last; x += 8) {
    if (channels == 1) {
      triangle_grey8<kPairs>(job, p, x, dst);
    } else if (channels == 3) {
      triangle_columns8<3, kPairs>(job, p, x, dst, plane);
    } else {
      triangle_columns8<4, kPairs>(job, p, x, dst, plane);
    }
  }
  return x;
}
#endif

// A row by up to kTriangleFewTaps taps.
inline void triangle_few_taps(const ResizeTriangle& job, std::int32_t row, std::int16_t* dst) {
  const std::uint8_t* p = job.src.data + row * job.src.stride;
  const std::int32_t channels = job.src.channels;
  const std::int32_t used = planes_of(job.src);
  const std::ptrdiff_t plane = padded_width(job.out.width);
  std::int32_t x = 0;
#ifdef __AVX2__
  using ByEight = std::int32_t (*)(const ResizeTriangle&, const std::uint8_t*, std::int16_t*);
  constexpr ByEight kByEight[] = {triangle_columns_by_8<1>, triangle_columns_by_8<2>, triangle_columns_by_8<3>};
  x = kByEight[job.columns.stride / 2 - 1](job, p, dst);
#endif
  for (; x < job.out.width; ++x) {
    const std::int16_t* weights = job.columns.weights + static_cast<std::ptrdiff_t>(x) * job.columns.stride;
    const std::uint8_t* taps = p + job.columns.first[x] * channels;
    for (std::int32_t c = 0; c < used; ++c) {
      std::int32_t sum = 64;
      for (std::int32_t t = 0; t < job.columns.count[x]; ++t) sum += weights[t] * taps[t * channels + c];
      dst[c * plane + x] = static_cast<std::int16_t>(sum >> 7);
    }
  }
}

// A row by any number of taps: `words` has triangle_row_words, `sums` three planes.
inline void triangle_many_taps(const ResizeTriangle& job, std::int32_t row, std::int16_t* words, std::int32_t* sums,
                               std::int16_t* dst) {
  const std::uint8_t* p = job.src.data + row * job.src.stride;
  const std::int32_t n = job.src.width * job.src.channels;
  for (std::int32_t i = 0; i < n; ++i) words[i] = p[i];
  triangle_words(job, words, sums);
  const std::ptrdiff_t plane = padded_width(job.out.width);
  for (std::int32_t c = 0; c < planes_of(job.src); ++c) {
    for (std::int32_t x = 0; x < job.out.width; ++x) {
      dst[c * plane + x] = static_cast<std::int16_t>((sums[c * plane + x] + 64) >> 7);
    }
  }
}

#ifdef __AVX512F__
template <int kPairs, int kLoads>
inline void triangle_columns_gathered(const ResizeTriangle& job, std::int32_t row, const PlannedPixels* plan,
                                      std::int16_t* dst) {
  const Gather<kPairs, kLoads> gather(job.src.channels, 64);
  const __m512i straight = _mm512_setr_epi64(0, 2, 1, 3, 4, 6, 5, 7);
  const std::uint8_t* p = job.src.data + row * job.src.stride;
  const std::ptrdiff_t plane = padded_width(job.out.width);
  for (std::int32_t x = 0; x < job.out.width; x += 16, plan += 2) {
    const GatheredSums a = gather.sums(plan[0], p);
    const GatheredSums b = gather.sums(plan[1], p);
    // packed within lanes: reds a0..a3 b0..b3 a4..a7 b4..b7, and greens likewise
    const __m512i mixed = _mm512_packs_epi32(_mm512_srai_epi32(a.red_green, 7), _mm512_srai_epi32(b.red_green, 7));
    const __m512i red_green = _mm512_permutexvar_epi64(straight, mixed);
    const __m512i blue = _mm512_srai_epi32(gather.blues(a, b), 7);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + x), _mm512_castsi512_si256(red_green));
    if (job.src.channels == 1) continue;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + plane + x), _mm512_extracti64x4_epi64(red_green, 1));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + 2 * plane + x), _mm512_cvtepi32_epi16(blue));
  }
}

template <int kLoads>
inline void triangle_columns_by_loads(const ResizeTriangle& job, std::int32_t row, const PlannedPixels* plan,
                                      std::int16_t* dst) {
  constexpr decltype(&triangle_columns_gathered<1, kLoads>) kByPairs[] = {
      triangle_columns_gathered<1, kLoads>, triangle_columns_gathered<2, kLoads>, triangle_columns_gathered<3, kLoads>};
  kByPairs[job.columns.stride / 2 - 1](job, row, plan, dst);
}
#endif

// sums[x] = the sum over t < count of weights[t] * rows[t][x], for a padded row. weights has an even number of words,
// and where count is odd the one behind the last is 0.
#if defined(__AVX512F__)
inline void triangle_mix(const std::int16_t* const* rows, const std::int16_t* weights, std::int32_t count,
                         std::int32_t n, std::int32_t* sums) {
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i last = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  for (std::int32_t x = 0; x < n; x += 32) {
    __m512i low = _mm512_setzero_si512();
    __m512i high = _mm512_setzero_si512();
    for (std::int32_t t = 0; t < count; t += 2) {
      const __m512i a = _mm512_loadu_si512(rows[t] + x);
      const __m512i b = _mm512_loadu_si512(rows[t + 1 < count ? t + 1 : t] + x);
      const __m512i w = _mm512_broadcastd_epi32(_mm_loadu_si32(weights + t));
      low = _mm512_dpwssd_epi32(low, _mm512_unpacklo_epi16(a, b), w);
      high = _mm512_dpwssd_epi32(high, _mm512_unpackhi_epi16(a, b), w);
    }
    // unpacking works within lanes
    _mm512_storeu_si512(sums + x, _mm512_permutex2var_epi64(low, first, high));
    _mm512_storeu_si512(sums + x + 16, _mm512_permutex2var_epi64(low, last, high));
  }
}
#elif defined(__AVX2__)
inline void triangle_mix(const std::int16_t* const* rows, const std::int16_t* weights, std::int32_t count,
                         std::int32_t n, std::int32_t* sums) {
  const auto load = [](const std::int16_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); };
  for (std::int32_t x = 0; x < n; x += 16) {
    __m256i low = _mm256_setzero_si256();
    __m256i high = _mm256_setzero_si256();
    for (std::int32_t t = 0; t < count; t += 2) {
      const __m256i a = load(rows[t] + x);
      const __m256i b = load(rows[t + 1 < count ? t + 1 : t] + x);
      const __m256i w = _mm256_broadcastd_epi32(_mm_loadu_si32(weights + t));
      low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), w));
      high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), w));
    }
    // unpacking works within lanes
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + x), _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + x + 8), _mm256_permute2x128_si256(low, high, 0x31));
  }
}
#else
inline void triangle_mix(const std::int16_t* const* rows, const std::int16_t* weights, std::int32_t count,
                         std::int32_t n, std::int32_t* __restrict sums) {
  for (std::int32_t x = 0; x < n; ++x) sums[x] = 0;
  for (std::int32_t t = 0; t < count; ++t) {
    const std::int16_t* __restrict row = rows[t];
    const std::int32_t w = weights[t];
    for (std::int32_t x = 0; x < n; ++x) sums[x] += w * row[x];
  }
}
#endif

class TriangleColumnsFirst {
 public:
  TriangleColumnsFirst(const ResizeTriangle& job, void* scratch)
      : job_(job), plane_(padded_width(job.out.width)), few_taps_(job.columns.stride <= kTriangleFewTaps) {
    sums_ = static_cast<std::int32_t*>(scratch);
    ring_ = reinterpret_cast<std::int16_t*>(sums_ + 3 * plane_);
    words_ = ring_ + job.rows.stride * 3 * plane_;
#ifdef __AVX512F__
    plan_ = reinterpret_cast<PlannedPixels*>(words_);
    words_ = reinterpret_cast<std::int16_t*>(plan_ + plane_ / 8);
    const auto weights = [&](std::int32_t x, std::int32_t pair) {
      std::int32_t two = 0;
      const std::int16_t* from = job.columns.weights + static_cast<std::ptrdiff_t>(x) * job.columns.stride;
      if (2 * pair < job.columns.stride) std::memcpy(&two, from + 2 * pair, sizeof(two));
      return two;
    };
    if (few_taps_) {
      loads_ = plan_pixels(job.src, job.columns.first, job.columns.stride, job.out.width, weights, plan_);
    }
#endif
  }

  // The three planes of sums of output row y, each padded.
  const std::int32_t* row(std::int32_t y) {
    const std::int32_t first = job_.rows.first[y];
    const std::int32_t count = job_.rows.count[y];
    for (done_ = done_ > first ? done_ : first; done_ < first + count; ++done_) columns(done_, slot(done_));
    for (std::int32_t c = 0; c < planes_of(job_.src); ++c) {
      const std::int16_t* rows[kTriangleRingRows];
      for (std::int32_t t = 0; t < count; ++t) rows[t] = slot(first + t) + c * plane_;
      const std::int16_t* weights = job_.rows.weights + static_cast<std::ptrdiff_t>(y) * job_.rows.stride;
      triangle_mix(rows, weights, count, static_cast<std::int32_t>(plane_), sums_ + c * plane_);
    }
    return sums_;
  }

 private:
  std::int16_t* slot(std::int32_t row) const { return ring_ + row % job_.rows.stride * 3 * plane_; }

  void columns(std::int32_t row, std::int16_t* dst) const {
#ifdef __AVX512F__
    if (loads_ != 0) {
      (loads_ == 1 ? triangle_columns_by_loads<1> : triangle_columns_by_loads<2>)(job_, row, plan_, dst);
      return;
    }
#endif
    if (few_taps_) {
      triangle_few_taps(job_, row, dst);
    } else {
      triangle_many_taps(job_, row, words_, sums_, dst);
    }
  }

  const ResizeTriangle& job_;
  std::ptrdiff_t plane_;
  bool few_taps_;
  std::int32_t* sums_;
  std::int16_t* ring_;
  std::int16_t* words_;  // of one source row, where there are many taps
#ifdef __AVX512F__
  PlannedPixels* plan_;
  int loads_ = 0;  // of 64 bytes for eight columns; 0: not gathered
#endif
  std::int32_t done_ = 0;  // source rows before this one were filtered, or are needed no more
};

}  // namespace
