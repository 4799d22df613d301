// What estimate_foreground's fusions are made of: rows of lanes, sums of columns, and the box that slides along them.
//
// A pixel has 8 lanes: foreground r g b 1, background r g b 1. Weighted with w(A) (4 times) and w(top - A) (4 times),
// their sums are the numerators of both quotients and, in lanes 3 and 7, the denominators.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/divide.hpp"
#include "kernels/kernels.hpp"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace {

using namespace rmbg::kernels;

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
    float quotient[8];
    for (int k = 0; k < 8; ++k) {
      const float weight = static_cast<float>(static_cast<std::int64_t>(sums_[k | 3]));
      quotient[k] = static_cast<float>(static_cast<std::int64_t>(sums_[k])) / (weight > 1.0f ? weight : 1.0f);
    }
    const float t = static_cast<float>(alpha) / kTop;
    const float u = 1.0f - t;
    for (int c = 0; c < 3; ++c) {
      const float f = quotient[c];
      const float g = quotient[4 + c];
      const float e = ((static_cast<float>(pixel[c * step]) - t * f) - u * g) / (t * t + u * u);
      lanes[c] = sample(f + t * e);
      lanes[4 + c] = sample(g + u * e);
    }
    lanes[3] = 1;
    lanes[7] = 1;
  }

 private:
  static constexpr float kTop = static_cast<T>(~T{0});
  static T sample(float v) {
    v = v > 0.0f ? v : 0.0f;
    v = v < kTop ? v : kTop;
    return static_cast<T>(static_cast<std::int32_t>(v + 0.5f));
  }
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
    const float share = static_cast<float>(alpha) / 255.0f;
    const __m128 t = _mm_set1_ps(share);
    const __m128 u = _mm_set1_ps(1.0f - share);
    const __m256 shares = _mm256_set_m128(u, t);
    const __m256 parts = _mm256_mul_ps(shares, quotients);
    const int colour = pixel[0] | pixel[step] << 8 | pixel[2 * step] << 16;
    const __m128 i = _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(colour)));
    const __m128 rest = _mm_sub_ps(_mm_sub_ps(i, _mm256_castps256_ps128(parts)), _mm256_extractf128_ps(parts, 1));
    const __m128 e = _mm_div_ps(rest, _mm_add_ps(_mm_mul_ps(t, t), _mm_mul_ps(u, u)));
    const __m256 v = _mm256_add_ps(quotients, _mm256_mul_ps(shares, _mm256_set_m128(e, e)));
    const __m256 clamped = _mm256_min_ps(_mm256_max_ps(v, _mm256_setzero_ps()), _mm256_set1_ps(255.0f));
    const __m256i levels = _mm256_cvttps_epi32(_mm256_add_ps(clamped, _mm256_set1_ps(0.5f)));
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(levels), _mm256_extracti128_si256(levels, 1));
    const __m128i result = _mm_blend_epi16(words, _mm_set1_epi16(1), 0x88);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(lanes), _mm_packus_epi16(result, result));
  }

 private:
  static __m256i load(const Sum* column) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column)); }
  __m256i sums_ = _mm256_setzero_si256();
};
#endif

// A row of pixels in lanes, and what they are weighted with.
template <typename T>
struct ForegroundRow {
  const T* lanes;
  const T* front;
  const T* behind;
};

// w(A) and w(top - A).
template <typename T>
inline void foreground_weights(const T* __restrict alpha, std::int32_t width, T* __restrict front,
                               T* __restrict behind) {
  const auto weight = [](T a) {
    const T cube = static_cast<T>(divide_by_top<T>(divide_by_top<T>(std::uint32_t{a} * a) * a));
    const T least = cube > 1 ? cube : T{1};
    return a < least ? a : least;
  };
  for (std::int32_t x = 0; x < width; ++x) {
    front[x] = weight(alpha[x]);
    behind[x] = weight(static_cast<T>(~alpha[x]));
  }
}

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
// Four pixels. `weights` has pairs, of what enters and minus what leaves: for the foreground in its low half, one a
// pixel, for the background in its high half.
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
  const auto pairs = [&](const std::uint8_t* entering, const std::uint8_t* leaving) {
    const __m128i a = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(entering));
    const __m128i c = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(leaving));
    return _mm256_sign_epi16(_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, c)), sign);
  };
  std::int32_t x = 0;
  for (; x + 8 <= width; x += 8) {
    const __m256i front = pairs(in.front + x, out.front + x);
    const __m256i behind = pairs(in.behind + x, out.behind + x);
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
  for (std::int32_t x = foreground_slide8(in, out, width, sums); x < width; ++x) {
    const T* entering = in.lanes + 8 * x;
    const T* leaving = out.lanes + 8 * x;
    Sum* to = sums + 8 * x;
    const std::uint32_t a = in.front[x];
    const std::uint32_t b = in.behind[x];
    const std::uint32_t c = out.front[x];
    const std::uint32_t d = out.behind[x];
    for (int k = 0; k < 4; ++k) to[k] += Sum{entering[k] * a} - Sum{leaving[k] * c};
    for (int k = 4; k < 8; ++k) to[k] += Sum{entering[k] * b} - Sum{leaving[k] * d};
  }
}

}  // namespace
