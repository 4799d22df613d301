// estimate_foreground: both fusions in one walk down the picture. Each keeps a sum a column and lets a box slide along
// them; the rows between the two stay in a ring. Quotients are taken only near pixels that are neither opaque nor
// transparent: no other ones are seen.
//
// A pixel has 8 lanes: foreground r g b 1, background r g b 1. Weighted with A (4 times) and top - A (4 times), their
// sums are both fusions' numerators and, in lanes 3 and 7, the denominators.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.hpp"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace {

using namespace rmbg::kernels;

constexpr std::int32_t kForegroundBlock = 8;  // pixels that are skipped or done together

template <typename T>
struct ForegroundSum;
template <>
struct ForegroundSum<std::uint8_t> {
  using Type = std::uint32_t;
};
template <>
struct ForegroundSum<std::uint16_t> {
  using Type = std::uint64_t;
};

// The sums of the box that slides along a row, and what a fusion makes of them.
template <typename T>
class ForegroundBox {
 public:
  using Sum = typename ForegroundSum<T>::Type;

  void slide(const Sum* in, const Sum* out) {
    for (int k = 0; k < 8; ++k) sums_[k] += in[k] - out[k];
  }
  // Writes the lanes of a pixel: F' r g b 1, B' r g b 1. The channels of the picture are `step` apart.
  void fuse(const T* pixel, std::int32_t step, T alpha, T* lanes) const {
    constexpr float kTop = static_cast<T>(~T{0});
    float quotient[8];
    for (int k = 0; k < 8; ++k) {
      const float weight = static_cast<float>(static_cast<std::int64_t>(sums_[k | 3]));
      quotient[k] = static_cast<float>(static_cast<std::int64_t>(sums_[k])) / (weight > 1.0f ? weight : 1.0f);
    }
    const float t = static_cast<float>(alpha) / kTop;
    for (int c = 0; c < 3; ++c) {
      const float f = quotient[c];
      const float g = quotient[4 + c];
      float v = f + t * ((static_cast<float>(pixel[c * step]) - t * f) - (1.0f - t) * g);
      v = v > 0.0f ? v : 0.0f;
      v = v < kTop ? v : kTop;
      lanes[c] = static_cast<T>(static_cast<std::int32_t>(v + 0.5f));
      lanes[4 + c] = static_cast<T>(static_cast<std::int32_t>(g + 0.5f));
    }
    lanes[3] = 1;
    lanes[7] = 1;
  }

 private:
  Sum sums_[8] = {};
};

#ifdef __AVX2__
template <>
class ForegroundBox<std::uint8_t> {
 public:
  using Sum = std::uint32_t;

  void slide(const Sum* in, const Sum* out) { sums_ = _mm256_add_epi32(sums_, _mm256_sub_epi32(load(in), load(out))); }
  void fuse(const std::uint8_t* pixel, std::int32_t step, std::uint8_t alpha, std::uint8_t* lanes) const {
    const __m256 sums = _mm256_cvtepi32_ps(sums_);
    const __m256 weights = _mm256_max_ps(_mm256_shuffle_ps(sums, sums, 0xff), _mm256_set1_ps(1.0f));
    const __m256 quotients = _mm256_div_ps(sums, weights);
    const __m128 f = _mm256_castps256_ps128(quotients);
    const __m128 g = _mm256_extractf128_ps(quotients, 1);
    const int colour = pixel[0] | pixel[step] << 8 | pixel[2 * step] << 16;
    const __m128 i = _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(colour)));
    const float share = static_cast<float>(alpha) / 255.0f;
    const __m128 t = _mm_set1_ps(share);
    const __m128 rest = _mm_sub_ps(_mm_sub_ps(i, _mm_mul_ps(t, f)), _mm_mul_ps(_mm_set1_ps(1.0f - share), g));
    const __m128 v = _mm_add_ps(f, _mm_mul_ps(t, rest));
    const __m128 clamped = _mm_min_ps(_mm_max_ps(v, _mm_setzero_ps()), _mm_set1_ps(255.0f));
    const __m128 half = _mm_set1_ps(0.5f);
    const __m128i words =
        _mm_packs_epi32(_mm_cvttps_epi32(_mm_add_ps(clamped, half)), _mm_cvttps_epi32(_mm_add_ps(g, half)));
    const __m128i ones = _mm_set_epi16(1, 0, 0, 0, 1, 0, 0, 0);
    const __m128i result = _mm_blend_epi16(words, ones, 0x88);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(lanes), _mm_packus_epi16(result, result));
  }

 private:
  static __m256i load(const Sum* column) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column)); }
  __m256i sums_ = _mm256_setzero_si256();
};
#endif

// A row of pixels in lanes, and the alpha that they are weighted with.
template <typename T>
struct ForegroundRow {
  const T* lanes;
  const T* alpha;
};

// The picture's colours as lanes, the same in front and behind.
template <typename T>
inline void foreground_lanes(const T* __restrict src, std::int32_t channels, std::int32_t width, T* __restrict lanes) {
  const std::int32_t step = channels == 1 ? 0 : 1;
  std::int32_t x = 0;
#ifdef __AVX2__
  if (sizeof(T) == 1 && channels != 1) {
    const std::int8_t c = static_cast<std::int8_t>(channels);
    const std::int8_t d = static_cast<std::int8_t>(2 * channels);
    const std::int8_t e = static_cast<std::int8_t>(3 * channels);
    const auto at = [](std::int8_t a, std::int8_t b) {
      return _mm_setr_epi8(a, a + 1, a + 2, -1, a, a + 1, a + 2, -1, b, b + 1, b + 2, -1, b, b + 1, b + 2, -1);
    };
    const __m256i where = _mm256_setr_m128i(at(0, c), at(d, e));
    const __m256i ones = _mm256_set1_epi32(0x01000000);
    for (; x * channels + 16 <= width * channels; x += 4) {
      const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(src + x * channels));
      const __m256i pixels = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(four), where);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes + 8 * x), _mm256_or_si256(pixels, ones));
    }
  }
#endif
  for (; x < width; ++x) {
    for (int k = 0; k < 8; k += 4) {
      for (int c = 0; c < 3; ++c) lanes[8 * x + k + c] = src[x * channels + c * step];
      lanes[8 * x + k + 3] = 1;
    }
  }
}

#ifdef __AVX2__
// Four pixels; `weights` has the pairs (a, -c) of one in its low half and (255 - a, c - 255) in its high half, for all
// of its lanes.
template <int kPixel>
inline void foreground_slide1(const std::uint8_t* in, const std::uint8_t* out, __m256i weights, std::uint32_t* sums) {
  const __m128i entering = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(in + 8 * kPixel));
  const __m128i leaving = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(out + 8 * kPixel));
  const __m256i pairs = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(entering, leaving));
  const __m256i change = _mm256_madd_epi16(pairs, _mm256_shuffle_epi32(weights, kPixel * 0x55));
  __m256i* to = reinterpret_cast<__m256i*>(sums + 8 * kPixel);
  _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), change));
}

inline void foreground_slide4(const std::uint8_t* in, const std::uint8_t* out, __m256i weights, std::uint32_t* sums) {
  foreground_slide1<0>(in, out, weights, sums);
  foreground_slide1<1>(in, out, weights, sums);
  foreground_slide1<2>(in, out, weights, sums);
  foreground_slide1<3>(in, out, weights, sums);
}

// Eight pixels at a time; returns how many are done.
inline std::int32_t foreground_slide8(const ForegroundRow<std::uint8_t>& in, const ForegroundRow<std::uint8_t>& out,
                                      std::int32_t width, std::uint32_t* sums) {
  const __m256i sign = _mm256_set1_epi32(0xffff0001);
  const __m256i top = _mm256_set1_epi16(255);
  std::int32_t x = 0;
  for (; x + 8 <= width; x += 8) {
    const __m128i entering = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(in.alpha + x));
    const __m128i leaving = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(out.alpha + x));
    const __m256i alpha = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(entering, leaving));
    const __m256i front = _mm256_sign_epi16(alpha, sign);
    const __m256i behind = _mm256_sign_epi16(_mm256_sub_epi16(top, alpha), sign);
    foreground_slide4(in.lanes + 8 * x, out.lanes + 8 * x, _mm256_permute2x128_si256(front, behind, 0x20),
                      sums + 8 * x);
    foreground_slide4(in.lanes + 8 * x + 32, out.lanes + 8 * x + 32, _mm256_permute2x128_si256(front, behind, 0x31),
                      sums + 8 * x + 32);
  }
  return x;
}
#endif

template <typename T>
inline std::int32_t foreground_slide8(const ForegroundRow<T>&, const ForegroundRow<T>&, std::int32_t,
                                      typename ForegroundSum<T>::Type*) {
  return 0;
}

// A row enters the columns' sums, another leaves. Sums are modulo 2^32 or 2^64; those that are looked at are smaller.
template <typename T>
inline void foreground_slide(const ForegroundRow<T>& in, const ForegroundRow<T>& out, std::int32_t width,
                             typename ForegroundSum<T>::Type* __restrict sums) {
  using Sum = typename ForegroundSum<T>::Type;
  constexpr std::uint32_t kTop = static_cast<T>(~T{0});
  for (std::int32_t x = foreground_slide8(in, out, width, sums); x < width; ++x) {
    const std::uint32_t a = in.alpha[x];
    const std::uint32_t c = out.alpha[x];
    const T* entering = in.lanes + 8 * x;
    const T* leaving = out.lanes + 8 * x;
    Sum* to = sums + 8 * x;
    for (int k = 0; k < 4; ++k) to[k] += Sum{entering[k] * a} - Sum{leaving[k] * c};
    for (int k = 4; k < 8; ++k) to[k] += Sum{entering[k] * (kTop - a)} - Sum{leaving[k] * (kTop - c)};
  }
}

template <typename T>
inline bool foreground_soft(T alpha) {
  return static_cast<T>(alpha - 1) < static_cast<T>(~T{0} - 1);
}

// Counts, for each column, the soft pixels of the rows within reach.
template <typename T>
inline void foreground_count(const T* __restrict alpha, std::int32_t width, std::uint8_t step,
                             std::uint8_t* __restrict counts) {
  for (std::int32_t x = 0; x < width; ++x) {
    counts[x] = static_cast<std::uint8_t>(counts[x] + (foreground_soft(alpha[x]) ? step : 0));
  }
}

// Which blocks have a count within `radius` columns; false: none has.
inline bool foreground_near(const std::uint8_t* counts, std::int32_t blocks, std::int32_t radius, std::uint8_t* own,
                            std::uint8_t* near) {
  std::uint8_t any = 0;
  for (std::int32_t b = 0; b < blocks; ++b) {
    std::uint8_t seen = 0;
    for (int i = 0; i < kForegroundBlock; ++i) seen |= counts[b * kForegroundBlock + i];
    own[b] = seen;
    any |= seen;
  }
  const std::int32_t reach = (radius + kForegroundBlock - 1) / kForegroundBlock;
  for (std::int32_t b = 0; any && b < blocks; ++b) {
    std::uint8_t seen = 0;
    for (std::int32_t i = b - reach < 0 ? 0 : b - reach; i <= b + reach && i < blocks; ++i) seen |= own[i];
    near[b] = seen;
  }
  return any != 0;
}

// The box slides along a row of sums, which has zeros on both sides, and calls done(x, box) in the blocks that are
// near.
template <typename T, typename Done>
inline void foreground_walk(const typename ForegroundSum<T>::Type* sums, std::int32_t radius, std::int32_t width,
                            const std::uint8_t* near, Done done) {
  ForegroundBox<T> box;
  const auto* zeros = sums - 8;
  for (std::int32_t x = 0; x < radius; ++x) box.slide(sums + 8 * x, zeros);
  for (std::int32_t begin = 0; begin < width; begin += kForegroundBlock) {
    const std::int32_t end = begin + kForegroundBlock < width ? begin + kForegroundBlock : width;
    const bool wanted = near[begin / kForegroundBlock] != 0;
    for (std::int32_t x = begin; x < end; ++x) {
      box.slide(sums + 8 * (x + radius), sums + 8 * (x - radius - 1));
      if (wanted) done(x, box);
    }
  }
}

// The picture where it is opaque, 0 where it is transparent; marks the blocks with anything between, and returns
// whether there are any.
template <typename T>
inline bool foreground_plain_row(const T* src, std::int32_t channels, const T* alpha, std::int32_t width, T* dst,
                                 std::uint8_t* soft) {
  const std::int32_t step = channels == 1 ? 0 : 1;
  bool any = false;
  for (std::int32_t begin = 0; begin < width; begin += kForegroundBlock) {
    const std::int32_t end = begin + kForegroundBlock < width ? begin + kForegroundBlock : width;
    bool between = false;
    for (std::int32_t x = begin; x < end; ++x) {
      between |= foreground_soft(alpha[x]);
      const T* p = src + x * channels;
      for (int c = 0; c < 3; ++c) dst[3 * x + c] = alpha[x] ? p[c * step] : T{0};
    }
    soft[begin / kForegroundBlock] = between;
    any |= between;
  }
  return any;
}

template <typename T>
void estimate_foreground_rows(const EstimateForeground& job, std::int32_t row_begin, std::int32_t row_end,
                              void* scratch) {
  using Sum = typename ForegroundSum<T>::Type;
  const std::int32_t width = job.width;
  const std::int32_t blocks = (width + kForegroundBlock - 1) / kForegroundBlock;
  const std::ptrdiff_t padded = std::ptrdiff_t{blocks} * kForegroundBlock;
  const std::int32_t outer = job.radii[0];
  const std::int32_t inner = job.radii[1];
  const std::int32_t step = job.channels == 1 ? 0 : 1;

  // Scratch, in this order; all but the rows of lanes on their way in and out begins as zeros.
  Sum* const first_pad = static_cast<Sum*>(scratch);
  Sum* const second_pad = first_pad + 8 * (padded + 2 * outer + 1);
  T* const none = reinterpret_cast<T*>(second_pad + 8 * (padded + 2 * inner + 1));
  T* const ring = none + 8 * padded;
  T* const entering = ring + 8 * padded * (2 * inner + 2);
  T* const leaving = entering + 8 * padded;
  std::uint8_t* const counts = reinterpret_cast<std::uint8_t*>(leaving + 8 * padded);
  std::uint8_t* const own = counts + padded;
  std::uint8_t* const near = own + blocks;
  for (Sum* p = first_pad; p < reinterpret_cast<Sum*>(none); ++p) *p = 0;
  for (T* p = none; p < entering; ++p) *p = 0;
  for (std::uint8_t* p = counts; p < own; ++p) *p = 0;
  Sum* const first = first_pad + 8 * (outer + 1);
  Sum* const second = second_pad + 8 * (inner + 1);

  const auto src = [&](std::int32_t y) {
    return reinterpret_cast<const T*>(static_cast<const char*>(job.src) + y * job.src_stride);
  };
  const auto alpha = [&](std::int32_t y) {
    return reinterpret_cast<const T*>(static_cast<const char*>(job.alpha) + y * job.alpha_stride);
  };
  const auto dst = [&](std::int32_t y) {
    return reinterpret_cast<T*>(static_cast<char*>(job.dst) + y * job.dst_stride);
  };
  const auto ring_row = [&](std::int32_t y) { return ring + 8 * padded * (y % (2 * inner + 2)); };
  const auto picture_row = [&](std::int32_t y, T* lanes) {
    foreground_lanes(src(y), job.channels, width, lanes);
    return ForegroundRow<T>{lanes, alpha(y)};
  };
  const ForegroundRow<T> nothing{none, alpha(0)};

  const std::int32_t top_row = row_begin > inner ? row_begin - inner : 0;  // of the first fusion
  const std::int32_t top_sum = top_row > outer ? top_row - outer : 0;      // of its sums
  for (std::int32_t y = top_sum; y < top_row + outer && y < job.height; ++y) {
    foreground_slide(picture_row(y, entering), nothing, width, first);
  }
  for (std::int32_t row = row_begin - inner; row < row_end + inner; ++row) {
    if (row + inner >= row_begin && row + inner < row_end) foreground_count<T>(alpha(row + inner), width, 1, counts);
    if (row - inner - 1 >= row_begin) foreground_count<T>(alpha(row - inner - 1), width, 0xff, counts);
    if (row < 0) continue;
    if (row < job.height) {
      const bool enters = row + outer < job.height;
      const bool leaves = row - outer - 1 >= top_sum;
      foreground_slide(enters ? picture_row(row + outer, entering) : nothing,
                       leaves ? picture_row(row - outer - 1, leaving) : nothing, width, first);
      if (foreground_near(counts, blocks, inner, own, near)) {
        const T* pixels = src(row);
        const T* a = alpha(row);
        T* lanes = ring_row(row);
        foreground_walk<T>(first, outer, width, near, [=](std::int32_t x, const ForegroundBox<T>& box) {
          box.fuse(pixels + x * job.channels, step, a[x], lanes + 8 * x);
        });
      }
    }
    const std::int32_t gone = row - 2 * inner - 1;
    foreground_slide(row < job.height ? ForegroundRow<T>{ring_row(row), alpha(row)} : nothing,
                     gone >= top_row ? ForegroundRow<T>{ring_row(gone), alpha(gone)} : nothing, width, second);
    const std::int32_t y = row - inner;
    if (y < row_begin) continue;
    const T* pixels = src(y);
    const T* a = alpha(y);
    T* out = dst(y);
    if (!foreground_plain_row(pixels, job.channels, a, width, out, near)) continue;
    foreground_walk<T>(second, inner, width, near, [=](std::int32_t x, const ForegroundBox<T>& box) {
      T lanes[8];
      box.fuse(pixels + x * job.channels, step, a[x], lanes);
      for (int c = 0; c < 3; ++c) out[3 * x + c] = a[x] ? lanes[c] : T{0};
    });
  }
}

void estimate_foreground(const EstimateForeground& job, std::int32_t row_begin, std::int32_t row_end, void* scratch) {
  if (job.wide) {
    estimate_foreground_rows<std::uint16_t>(job, row_begin, row_end, scratch);
  } else {
    estimate_foreground_rows<std::uint8_t>(job, row_begin, row_end, scratch);
  }
}

}  // namespace
