// resize_bilinear of pictures that are shrunk to half or less, with AVX2: no output row shares a source row with the next
// one, so that both rows' columns and their mix stay in registers, and nothing is stored in between.
#pragma once

#include "kernels/rows.hpp"

#ifdef __AVX2__

namespace {

// (D - w, w) pairs of columns x to x + 3 in the low lane, x + 4 to x + 7 in the high lane.
inline __m256i bilinear_weights8(const ResizeBilinear& job, std::int32_t x) {
  const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(job.columns.weight + x));
  const __m128i one = _mm_sub_epi16(_mm_set1_epi16(static_cast<short>(job.columns.denominator)), second);
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_unpacklo_epi16(one, second)),
                                 _mm_unpackhi_epi16(one, second), 1);
}

// The pairs of each column four times, as bilinear_sums8 multiplies them.
struct BilinearWeights8 {
  BilinearWeights8(const ResizeBilinear& job, std::int32_t x) {
    const __m256i pairs = bilinear_weights8(job, x);
    of[0] = _mm256_shuffle_epi32(pairs, 0x00);
    of[1] = _mm256_shuffle_epi32(pairs, 0x55);
    of[2] = _mm256_shuffle_epi32(pairs, 0xaa);
    of[3] = _mm256_shuffle_epi32(pairs, 0xff);
  }
  __m256i of[4];
};

// Sums of eight output columns of a 3- or 4-channel row, by channel; `first` is that of the first of them. Two pixels (6
// or 8 bytes) are loaded as 8 bytes for each column.
template <int kChannels>
inline void bilinear_sums8(const std::int32_t* first, const std::uint8_t* p, const BilinearWeights8& weights,
                           __m256i planes[3]) {
  // bytes a0 a1 a2 b0 b1 b2 -> words a0 b0 a1 b1 a2 b2 . .
  constexpr char z = -1;
  constexpr char b = kChannels;
  const __m256i spread =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, z, b, z, 1, z, b + 1, z, 2, z, b + 2, z, z, z, z, z));
  __m256i sums[4];
  for (int k = 0; k < 4; ++k) {
    const __m128i low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + first[k] * kChannels));
    const __m128i high = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + first[k + 4] * kChannels));
    const __m256i taps = _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), spread);
    sums[k] = _mm256_madd_epi16(taps, weights.of[k]);
  }
  transpose_rgbx(sums, planes);
}

class BilinearFar {
 public:
  // Whether the job is of this kind. Divisions must be shifts of 32-bit integers.
  static bool fits(const ResizeBilinear& job) {
    const std::int64_t whole = std::int64_t{job.columns.denominator} * job.rows.denominator;
    const bool shifts = whole <= (1 << 22) && (whole & (whole - 1)) == 0;
    return job.src.height >= 2 * job.out.height && !job.out.half && job.src.channels != 1 &&
           (shifts || job.out.rounding == Rounding::none);
  }

  explicit BilinearFar(const ResizeBilinear& job) : job_(job), rounds_(job.out.rounding != Rounding::none) {
    const std::int32_t dx = job.columns.denominator;
    const std::int64_t whole = std::int64_t{dx} * job.rows.denominator;
    while ((std::int64_t{1} << shift_) < whole) ++shift_;
    while ((1 << row_shift_) < job.rows.denominator) ++row_shift_;
    half_ = job.out.rounding == Rounding::nearest ? static_cast<std::int32_t>(whole / 2) : 0;
    for (int c = 0; c < 3; ++c)
      gain_[c] = rounds_ ? job.out.scale[c] : job.out.scale[c] * (1.0f / static_cast<float>(dx));
    const std::int32_t last = job.src.width * job.src.channels - 8;  // byte that can be loaded from
    eights_ = inside_ = job.out.width & ~7;
    while (inside_ > 0 && job.columns.first[inside_ - 1] * job.src.channels > last) inside_ -= 8;
    if (inside_ == eights_) return;
    if (!RowEnd::fits((job.src.width - job.columns.first[inside_]) * job.src.channels)) eights_ = inside_;
  }

  // Writes output row y; source rows from `next` on (none: -1) are fetched meanwhile.
  void row(std::int32_t y, std::int32_t next) const {
    if (job_.src.channels == 3) {
      rounds_ ? row_of<3, true>(y, next) : row_of<3, false>(y, next);
    } else {
      rounds_ ? row_of<4, true>(y, next) : row_of<4, false>(y, next);
    }
  }

 private:
  template <int kChannels, bool kRounds>
  void row_of(std::int32_t y, std::int32_t next) const {
    const std::int32_t weight = job_.rows.weight[y];
    const std::uint8_t* p = job_.src.data + job_.rows.first[y] * job_.src.stride;
    const std::uint8_t* q = weight ? p + job_.src.stride : p;
    const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(job_.out.height) * job_.out.width;
    float* const to = static_cast<float*>(job_.out.dst) + static_cast<std::ptrdiff_t>(y) * job_.out.width;
    const float fraction = static_cast<float>(weight) / static_cast<float>(job_.rows.denominator);
    const __m256 fractions = _mm256_set1_ps(fraction);
    const __m256i row_weights = _mm256_set1_epi32(weight), halves = _mm256_set1_epi32(half_);
    const __m128i up_by = _mm_cvtsi32_si128(row_shift_), down_by = _mm_cvtsi32_si128(shift_);
    RowEnd upper_end, lower_end;
    std::int32_t x = 0;
    for (std::int32_t fetched = 0; x < eights_; x += 8) {
      if (x == inside_) {  // from here on, of copies of the rows' ends
        const std::ptrdiff_t from = std::ptrdiff_t{job_.columns.first[x]} * kChannels;
        const std::ptrdiff_t end = std::ptrdiff_t{job_.src.width} * kChannels;
        p = upper_end.copy(p, from, end);
        q = lower_end.copy(q, from, end);
      }
      if (next >= 0) fetched = fetch(next, (job_.columns.first[x + 7] + 2) * kChannels, fetched);
      const BilinearWeights8 weights(job_, x);
      __m256i upper[3], lower[3];
      bilinear_sums8<kChannels>(job_.columns.first + x, p, weights, upper);
      bilinear_sums8<kChannels>(job_.columns.first + x, q, weights, lower);
      for (int c = 0; c < 3; ++c) {
        __m256 v;
        if constexpr (kRounds) {
          const __m256i step = _mm256_mullo_epi32(_mm256_sub_epi32(lower[c], upper[c]), row_weights);
          const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(_mm256_sll_epi32(upper[c], up_by), step), halves);
          v = _mm256_cvtepi32_ps(_mm256_sra_epi32(sum, down_by));
        } else {
          const __m256 a = _mm256_cvtepi32_ps(upper[c]);
          v = _mm256_add_ps(a, _mm256_mul_ps(_mm256_sub_ps(_mm256_cvtepi32_ps(lower[c]), a), fractions));
        }
        const int out = source_plane(job_.src, c);  // its own inverse
        v = _mm256_mul_ps(v, _mm256_set1_ps(gain_[out]));
        _mm256_storeu_ps(to + out * plane + x, _mm256_add_ps(v, _mm256_set1_ps(job_.out.bias[out])));
      }
    }
    for (; x < job_.out.width; ++x) {
      const std::int32_t second = job_.columns.weight[x];
      const std::int32_t first = job_.columns.denominator - second;
      const std::ptrdiff_t on = second ? kChannels : 0;
      for (int c = 0; c < 3; ++c) {
        const std::ptrdiff_t at =
            static_cast<std::ptrdiff_t>(job_.columns.first[x]) * kChannels + source_plane(job_.src, c);
        const std::int32_t a = p[at] * first + p[at + on] * second;
        const std::int32_t b = q[at] * first + q[at + on] * second;
        const float v = kRounds ? static_cast<float>(((a << row_shift_) + (b - a) * weight + half_) >> shift_)
                                : static_cast<float>(a) + static_cast<float>(b - a) * fraction;
        to[c * plane + x] = v * gain_[c] + job_.out.bias[c];
      }
    }
  }

  // Fetches bytes [fetched, upto) of two source rows, by lines; gives how far it came.
  std::int32_t fetch(std::int32_t row, std::int32_t upto, std::int32_t fetched) const {
    const std::uint8_t* first = job_.src.data + row * job_.src.stride;
    const std::uint8_t* second = row + 1 < job_.src.height ? first + job_.src.stride : first;
    for (; fetched < upto; fetched += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(first + fetched), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(second + fetched), _MM_HINT_T0);
    }
    return fetched;
  }

  const ResizeBilinear& job_;
  const bool rounds_;
  float gain_[3];
  std::int32_t shift_ = 0, row_shift_ = 0, half_ = 0;
  std::int32_t eights_ = 0;  // columns that are done by eights
  std::int32_t inside_ = 0;  // and those that read no byte beyond their row
};

}  // namespace

#endif
