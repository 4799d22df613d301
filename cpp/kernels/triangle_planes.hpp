// The columns of resize_triangle where many taps make one, with AVX2: a row of words is parted into planes, of which
// eight taps of a pixel are one load.
#pragma once

#include <cstring>

#include "kernels/rows.hpp"
#include "kernels/triangle_write.hpp"

#if RMBG_FAST_ONLY_AVX2

namespace {

// n pixels to planes that lie `plane` words apart, sixteen a step: reads and writes up to 15 pixels more.
inline void part_rgb_words(const std::int16_t* rgb, std::int32_t n, std::int16_t* dst, std::ptrdiff_t plane) {
  const auto load = [](const std::int16_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); };
  const auto in_lanes = [](__m128i order) { return _mm256_broadcastsi128_si256(order); };
  // Where in a lane the words of a channel lie after the blends below, pixel by pixel.
  const __m256i red = in_lanes(_mm_setr_epi8(0, 1, 6, 7, 12, 13, 2, 3, 8, 9, 14, 15, 4, 5, 10, 11));
  const __m256i green = in_lanes(_mm_setr_epi8(2, 3, 8, 9, 14, 15, 4, 5, 10, 11, 0, 1, 6, 7, 12, 13));
  const __m256i blue = in_lanes(_mm_setr_epi8(4, 5, 10, 11, 0, 1, 6, 7, 12, 13, 2, 3, 8, 9, 14, 15));
  for (std::int32_t x = 0; x < n; x += 16, rgb += 48) {
    const __m256i first = load(rgb), middle = load(rgb + 16), last = load(rgb + 32);
    // the words of pixels 0 to 7 in the low lanes, of 8 to 15 in the high ones
    const __m256i a = _mm256_blend_epi32(first, middle, 0xf0);
    const __m256i b = _mm256_permute2x128_si256(first, last, 0x21);
    const __m256i c = _mm256_blend_epi32(middle, last, 0xf0);
    // word i of 24 is red where i % 3 is 0; in three registers each has another place
    const auto store = [&](std::int32_t channel, __m256i words, __m256i order) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + channel * plane + x), _mm256_shuffle_epi8(words, order));
    };
    store(0, _mm256_blend_epi16(_mm256_blend_epi16(a, b, 0x92), c, 0x24), red);
    store(1, _mm256_blend_epi16(_mm256_blend_epi16(a, b, 0x24), c, 0x49), green);
    store(2, _mm256_blend_epi16(_mm256_blend_epi16(a, b, 0x49), c, 0x92), blue);
  }
}

class TriangleColumns {
 public:
  // The plan has triangle_plan_bytes.
  TriangleColumns(const ResizeTriangle& job, void* plan)
      : plane_(triangle_plane_words(job)), steps_((job.columns.stride + 7) / 8) {
    const std::int32_t width = padded_width(job.out.width);
    weights_ = static_cast<std::int16_t*>(plan);
    first_ = reinterpret_cast<std::int32_t*>(weights_ + static_cast<std::ptrdiff_t>(8) * steps_ * width);
    std::memset(weights_, 0,
                sizeof(*weights_) * 8 * static_cast<std::size_t>(steps_) * static_cast<std::size_t>(width));
    for (std::int32_t x = 0; x < width; ++x) {
      const std::int32_t column = x < job.out.width ? x : job.out.width - 1;
      first_[x] = job.columns.first[column];
      const std::int16_t* from = job.columns.weights + static_cast<std::ptrdiff_t>(column) * job.columns.stride;
      // pixel k beside pixel k + 4, eight taps each, and then the next eight
      std::int16_t* to = weights_ + (static_cast<std::ptrdiff_t>(x / 8) * 4 + x % 4) * 16 * steps_ + x % 8 / 4 * 8;
      for (std::int32_t t = 0; t < job.columns.stride; ++t) to[t / 8 * 16 + t % 8] = from[t];
    }
  }

  // Of columns x to x + 15 of one of the planes.
  TriangleSums sums(const std::int16_t* planes, std::int32_t plane, std::int32_t x) const {
    const std::int16_t* row = planes + plane * plane_;
    return {eight(row, x), eight(row, x + 8)};
  }

 private:
  __m256i eight(const std::int16_t* row, std::int32_t x) const {
    const std::int16_t* weights = weights_ + static_cast<std::ptrdiff_t>(x) * 8 * steps_;
    const std::int32_t* first = first_ + x;
    __m256i sums[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k, weights += 16 * steps_) {
      const std::int16_t* p = row + first[k];
      const std::int16_t* q = row + first[k + 4];
      const auto taps = [&](std::ptrdiff_t step) {
        const __m256i by = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + 16 * step));
        return _mm256_madd_epi16(two_lanes(p + 8 * step, q + 8 * step), by);
      };
      sums[k] = taps(0);
      for (std::int32_t step = 1; step < steps_; ++step) sums[k] = _mm256_add_epi32(sums[k], taps(step));
    }
    const auto halves = [](__m256i a, __m256i b) {
      return _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    };
    const __m256i ab = halves(sums[0], sums[1]);  // a b a b: two parts of each
    const __m256i cd = halves(sums[2], sums[3]);
    return _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
  }

  std::ptrdiff_t plane_;
  std::int32_t steps_;  // of eight taps
  std::int16_t* weights_;
  std::int32_t* first_;
};

}  // namespace

#endif
