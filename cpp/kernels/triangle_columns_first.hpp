// resize_triangle, columns first: each source row is filtered sideways once, into planes of Q7 words that are kept in a
// ring while output rows need them.
#pragma once

#include <cstring>
#include <optional>

#include "kernels/gather.hpp"
#include "kernels/rows.hpp"
#include "kernels/triangle_few_taps.hpp"
#include "kernels/triangle_words.hpp"
#include "kernels/triangle_write.hpp"

namespace {

#if !RMBG_FAST_ONLY_AVX2
// A row by up to kTriangleFewTaps taps.
inline void triangle_few_taps(const ResizeTriangle& job, std::int32_t row, std::int16_t* dst) {
  const std::uint8_t* p = job.src.data + row * job.src.stride;
  const std::int32_t channels = job.src.channels;
  const std::int32_t used = planes_of(job.src);
  const std::ptrdiff_t plane = padded_width(job.out.width);
  for (std::int32_t x = 0; x < job.out.width; ++x) {
    const std::int16_t* weights = job.columns.weights + static_cast<std::ptrdiff_t>(x) * job.columns.stride;
    const std::uint8_t* taps = p + job.columns.first[x] * channels;
    for (std::int32_t c = 0; c < used; ++c) {
      std::int32_t sum = 64;
      for (std::int32_t t = 0; t < job.columns.count[x]; ++t) sum += weights[t] * taps[t * channels + c];
      dst[c * plane + x] = static_cast<std::int16_t>(sum >> 7);
    }
  }
}
#endif

// A row by any number of taps: `words` has triangle_row_words, `sums` three planes. In the order of TriangleFewTaps.
inline void triangle_many_taps(const ResizeTriangle& job, std::int32_t row, std::int16_t* words, std::int32_t* sums,
                               std::int16_t* dst) {
  const std::uint8_t* p = job.src.data + row * job.src.stride;
  const std::int32_t n = job.src.width * job.src.channels;
  for (std::int32_t i = 0; i < n; ++i) words[i] = p[i];
  triangle_words(job, words, sums);
  const std::ptrdiff_t plane = padded_width(job.out.width);
  for (std::int32_t c = 0; c < planes_of(job.src); ++c) {
#if RMBG_FAST_ONLY_AVX2
    for (std::int32_t x = 0; x < job.out.width; x += 16) {
      const TriangleSums own = load_sums(sums + c * plane + x);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + c * plane + x),
                          _mm256_packs_epi32(to_q7(own.first), to_q7(own.last)));
    }
#else
    for (std::int32_t x = 0; x < job.out.width; ++x) {
      dst[c * plane + x] = static_cast<std::int16_t>((sums[c * plane + x] + 64) >> 7);
    }
#endif
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
// Of sixteen columns, by pairs of rows.
template <int kPairs>
inline TriangleSums triangle_mix(const std::int16_t* const* rows, const __m256i* weights, std::ptrdiff_t x) {
  const auto load = [](const std::int16_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); };
  TriangleSums sums{};
#pragma GCC unroll 4
  for (int pair = 0; pair < kPairs; ++pair) {
    const __m256i a = load(rows[2 * pair] + x);
    const __m256i b = load(rows[2 * pair + 1] + x);
    sums.first = _mm256_add_epi32(sums.first, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), weights[pair]));
    sums.last = _mm256_add_epi32(sums.last, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), weights[pair]));
  }
  return sums;
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
    std::int16_t* const plan = ring_ + job.rows.stride * 3 * plane_;
    words_ = plan + static_cast<std::ptrdiff_t>(kPlannedColumnBytes / sizeof(*plan)) * plane_;
#if RMBG_FAST_ONLY_AVX2
    if (few_taps_) by_few_.emplace(job, reinterpret_cast<PlannedTaps*>(plan), words_);
#endif
#ifdef __AVX512F__
    plan_ = reinterpret_cast<PlannedPixels*>(plan);
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

  // Writes output row y.
  void row(std::int32_t y) {
    const std::int32_t first = job_.rows.first[y];
    const std::int32_t count = job_.rows.count[y];
    for (done_ = done_ > first ? done_ : first; done_ < first + count; ++done_) columns(done_, slot(done_));
    const std::int16_t* weights = job_.rows.weights + static_cast<std::ptrdiff_t>(y) * job_.rows.stride;
#if RMBG_FAST_ONLY_AVX2
    constexpr void (TriangleColumnsFirst::* kMixed[])(std::int32_t, const std::int16_t*)
        const = {&TriangleColumnsFirst::mixed<1>, &TriangleColumnsFirst::mixed<2>, &TriangleColumnsFirst::mixed<3>,
                 &TriangleColumnsFirst::mixed<4>};
    (this->*kMixed[(count - 1) / 2])(y, weights);
#else
    for (std::int32_t c = 0; c < planes_of(job_.src); ++c) {
      const std::int16_t* rows[kTriangleRingRows];
      for (std::int32_t t = 0; t < count; ++t) rows[t] = slot(first + t) + c * plane_;
      triangle_mix(rows, weights, count, static_cast<std::int32_t>(plane_), sums_ + c * plane_);
    }
    triangle_write(job_, y, sums_);
#endif
  }

 private:
  std::int16_t* slot(std::int32_t row) const { return ring_ + row % job_.rows.stride * 3 * plane_; }

#if RMBG_FAST_ONLY_AVX2
  template <int kPairs>
  void mixed(std::int32_t y, const std::int16_t* weights) const {
    const std::int16_t* rows[2 * kPairs];
    __m256i pairs[kPairs];
    for (std::int32_t t = 0; t < 2 * kPairs; ++t) {  // a missing second row has weight 0
      rows[t] = slot(job_.rows.first[y] + (t < job_.rows.count[y] ? t : t - 1));
      if (t % 2) pairs[t / 2] = _mm256_broadcastd_epi32(_mm_loadu_si32(weights + t - 1));
    }
    triangle_write(job_, y, sums_, [&](std::int32_t plane, std::int32_t x) {
      return triangle_mix<kPairs>(rows, pairs, plane * plane_ + x);
    });
  }
#endif

  void columns(std::int32_t row, std::int16_t* dst) const {
#ifdef __AVX512F__
    if (loads_ != 0) {
      (loads_ == 1 ? triangle_columns_by_loads<1> : triangle_columns_by_loads<2>)(job_, row, plan_, dst);
      return;
    }
#endif
    if (few_taps_) {
#if RMBG_FAST_ONLY_AVX2
      by_few_->row(row, dst);
#else
      triangle_few_taps(job_, row, dst);
#endif
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
#if RMBG_FAST_ONLY_AVX2
  std::optional<TriangleFewTaps> by_few_;
#endif
#ifdef __AVX512F__
  PlannedPixels* plan_;
  int loads_ = 0;  // of 64 bytes for eight columns; 0: not gathered
#endif
  std::int32_t done_ = 0;  // source rows before this one were filtered, or are needed no more
};

}  // namespace
