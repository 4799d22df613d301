// blend: picture + alpha -> RGBA or RGB.
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

// Here and below: pixels [begin, end) of a row; src, dst and, with kPicture, behind are the row's, alpha is that of
// pixel `origin` and those after it.
template <typename T, int kChannels, BlendMode kMode, bool kPicture>
inline void blend_row_plain(const Blend& job, const T* __restrict src, const T* __restrict behind,
                            const T* __restrict alpha, T* __restrict dst, std::int32_t origin, std::int32_t begin,
                            std::int32_t end) {
  constexpr std::uint32_t kTop = static_cast<T>(~T{0});
  constexpr int kOut = kMode == BlendMode::over ? 3 : 4;
  const std::uint32_t threshold = static_cast<std::uint32_t>(job.threshold);
  for (std::int32_t x = begin; x < end; ++x) {
    const T* p = src + x * kChannels;
    T* out = dst + x * kOut;
    std::uint32_t a = alpha[x - origin];
    if (kChannels == 4) a = divide_by_top<T>(a * p[3]);
    if (threshold) a = a >= threshold ? kTop : 0;
    for (int c = 0; c < 3; ++c) {
      std::uint32_t value = p[kChannels == 1 ? 0 : c];
      if (kMode == BlendMode::straight) value = a ? value : 0;
      if (kMode == BlendMode::premultiplied) value = divide_by_top<T>(value * a);
      if (kMode == BlendMode::over) {
        const std::uint32_t ground = kPicture ? behind[3 * x + c] : job.background[c];
        value = divide_by_top<T>(value * a + ground * (kTop - a));
      }
      out[c] = static_cast<T>(value);
    }
    if (kMode != BlendMode::over) out[3] = static_cast<T>(a);
  }
}

#ifdef __AVX2__
// Eight pixels as 32-bit lanes R G B A (A is 0 where the picture has none). Loads run up to 8 bytes past the eight
// pixels.
template <int kChannels>
inline __m256i load_pixels8(const std::uint8_t* p) {
  if (kChannels == 4) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  if (kChannels == 1) {
    const __m256i grey = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    return _mm256_mullo_epi16(_mm256_or_si256(grey, _mm256_slli_epi32(grey, 16)), _mm256_set1_epi32(0x00010101));
  }
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 12));
  const __m256i spread =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1));
  return _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), spread);
}

// The products of four bytes a lane with the lane's factor, halves of the register widened to words in turn.
template <typename Combine>
inline __m256i by_words(__m256i pixels, __m256i factors, Combine combine) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i low = combine(_mm256_unpacklo_epi8(pixels, zero), _mm256_unpacklo_epi8(factors, zero));
  const __m256i high = combine(_mm256_unpackhi_epi8(pixels, zero), _mm256_unpackhi_epi8(factors, zero));
  return _mm256_packus_epi16(low, high);
}

// Gives how far it came; the caller does the rest. What it reads and writes beyond `end` lies in the row.
template <int kChannels, BlendMode kMode, bool kPicture>
inline std::int32_t blend_row_avx2(const Blend& job, const std::uint8_t* src, const std::uint8_t* behind_row,
                                   const std::uint8_t* alpha, std::uint8_t* dst, std::int32_t begin, std::int32_t end) {
  constexpr int kOut = kMode == BlendMode::over ? 3 : 4;
  constexpr std::int32_t kAhead = 10;  // a step reads, and with RGB out writes, 28 bytes for its 24: 9 1/3 pixels
  const __m256i colour_bits = _mm256_set1_epi32(0x00ffffff);
  const __m256i to_lanes =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12));
  const __m256i threshold = _mm256_set1_epi32(job.threshold - 1);
  const auto multiply = [](__m256i a, __m256i b) { return divide_by_255(_mm256_mullo_epi16(a, b)); };
  std::uint16_t behind_words[16];
  for (int i = 0; i < 16; ++i) behind_words[i] = i % 4 == 3 ? 0 : job.background[i % 4];
  const __m256i behind = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(behind_words));
  const __m256i behind_255 = _mm256_mullo_epi16(behind, _mm256_set1_epi16(255));
  const auto over = [behind, behind_255](__m256i colour, __m256i a) {
    // colour * a + behind * (255 - a) fits 16 bits, whatever overflows on the way
    return divide_by_255(_mm256_add_epi16(_mm256_mullo_epi16(_mm256_sub_epi16(colour, behind), a), behind_255));
  };
  const auto over_words = [](__m256i colour, __m256i ground, __m256i a) {
    const __m256i top = _mm256_mullo_epi16(ground, _mm256_set1_epi16(255));
    return divide_by_255(_mm256_add_epi16(_mm256_mullo_epi16(_mm256_sub_epi16(colour, ground), a), top));
  };
  std::int32_t x = begin;
  for (; x + 8 <= end && x + kAhead <= job.width; x += 8) {
    const __m256i pixels = load_pixels8<kChannels>(src + x * kChannels);
    __m256i a = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(alpha + (x - begin))));
    if (kChannels == 4) a = multiply(a, _mm256_srli_epi32(pixels, 24));
    if (job.threshold) {
      a = _mm256_and_si256(_mm256_cmpgt_epi32(a, threshold), _mm256_set1_epi32(255));
    }
    const __m256i colour = _mm256_and_si256(pixels, colour_bits);
    __m256i result;
    if (kMode == BlendMode::straight) {
      const __m256i hidden = _mm256_cmpeq_epi32(a, _mm256_setzero_si256());
      result = _mm256_andnot_si256(hidden, colour);
    } else if (kMode == BlendMode::premultiplied) {
      result = by_words(colour, _mm256_shuffle_epi8(a, to_lanes), multiply);
    } else if (kPicture) {
      const __m256i zero = _mm256_setzero_si256();
      const __m256i ground = load_pixels8<3>(behind_row + x * 3);
      const __m256i factors = _mm256_shuffle_epi8(a, to_lanes);
      result = _mm256_packus_epi16(over_words(_mm256_unpacklo_epi8(colour, zero), _mm256_unpacklo_epi8(ground, zero),
                                              _mm256_unpacklo_epi8(factors, zero)),
                                   over_words(_mm256_unpackhi_epi8(colour, zero), _mm256_unpackhi_epi8(ground, zero),
                                              _mm256_unpackhi_epi8(factors, zero)));
    } else {
      result = by_words(colour, _mm256_shuffle_epi8(a, to_lanes), over);
    }
    if (kOut == 4) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + x * 4), _mm256_or_si256(result, _mm256_slli_epi32(a, 24)));
    } else {
      const __m256i close =
          _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
      const __m256i packed = _mm256_shuffle_epi8(result, close);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + x * 3), _mm256_castsi256_si128(packed));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + x * 3 + 12), _mm256_extracti128_si256(packed, 1));
    }
  }
  return x;
}

// Of 16-bit samples four pixels a step, as words R G B A. Gives how far it came; what it reads and writes beyond `end`
// lies in the row.
template <int kChannels, BlendMode kMode, bool kPicture>
inline std::int32_t blend_row_wide(const Blend& job, const std::uint16_t* src, const std::uint16_t* behind_row,
                                   const std::uint16_t* alpha, std::uint16_t* dst, std::int32_t begin,
                                   std::int32_t end) {
  constexpr std::int32_t kAhead = 5;  // two lanes of 12 bytes are read, and with RGB out written, as 16
  constexpr char z = -1;
  const auto load = [](const std::uint16_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); };
  const __m256i spread = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 3, 4, 5, z, z, 6, 7, 8, 9, 10, 11, z, z));
  const __m256i close = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, z, z, z, z));
  const __m256i each_four_times = _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3,  //
                                                   4, 5, 4, 5, 4, 5, 4, 5, 6, 7, 6, 7, 6, 7, 6, 7);
  const __m256i own_alpha =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(6, 7, 6, 7, 6, 7, 6, 7, 14, 15, 14, 15, 14, 15, 14, 15));
  const auto four = [&](const std::uint16_t* p) {  // samples, each for a whole pixel
    const __m128i samples = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return _mm256_shuffle_epi8(_mm256_broadcastq_epi64(samples), each_four_times);
  };
  const __m256i threshold = _mm256_set1_epi16(static_cast<short>(job.threshold));
  const auto word = [&](int c) { return static_cast<long long>(job.background[c]); };
  const __m256i colour_behind = _mm256_set1_epi64x(word(0) | word(1) << 16 | word(2) << 32);
  const auto four_of_three = [&](const std::uint16_t* p) {
    return _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(load(p)), load(p + 6), 1), spread);
  };
  std::int32_t x = begin;
  for (; x + 4 <= end && x + kAhead <= job.width; x += 4) {
    const std::uint16_t* p = src + x * kChannels;
    __m256i pixels;
    if constexpr (kChannels == 1) pixels = four(p);
    if constexpr (kChannels == 3) pixels = four_of_three(p);
    if constexpr (kChannels == 4) pixels = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    __m256i a = four(alpha + (x - begin));
    if (kChannels == 4) a = divide_by_65535(multiply_words(a, _mm256_shuffle_epi8(pixels, own_alpha)));
    if (job.threshold) a = _mm256_cmpeq_epi16(_mm256_max_epu16(a, threshold), a);
    __m256i result;
    if (kMode == BlendMode::straight) {
      result = _mm256_andnot_si256(_mm256_cmpeq_epi16(a, _mm256_setzero_si256()), pixels);
    } else if (kMode == BlendMode::premultiplied) {
      result = divide_by_65535(multiply_words(pixels, a));
    } else {
      const __m256i rest = _mm256_xor_si256(a, _mm256_set1_epi16(-1));
      __m256i behind = colour_behind;
      if constexpr (kPicture) behind = four_of_three(behind_row + x * 3);
      result = divide_by_65535(add_words(multiply_words(pixels, a), multiply_words(behind, rest)));
    }
    if (kMode == BlendMode::over) {
      const __m256i packed = _mm256_shuffle_epi8(result, close);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + x * 3), _mm256_castsi256_si128(packed));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + x * 3 + 6), _mm256_extracti128_si256(packed, 1));
    } else {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + x * 4), _mm256_blend_epi16(result, a, 0x88));
    }
  }
  return x;
}
#endif

#ifdef __AVX512F__
struct ByteOrder {
  alignas(64) std::uint8_t from[64];
};

// Of 16 packed pixels: bytes of four a pixel, R G B and any.
template <int kChannels>
constexpr ByteOrder spread_order() {
  ByteOrder order{};
  for (int i = 0; i < 64; ++i) {
    const int c = i % 4;
    order.from[i] = static_cast<std::uint8_t>(i / 4 * kChannels + (kChannels == 1 || c == 3 ? 0 : c));
  }
  return order;
}

// And of four a pixel: the first three, packed.
constexpr ByteOrder close_order() {
  ByteOrder order{};
  for (int i = 0; i < 48; ++i) order.from[i] = static_cast<std::uint8_t>(i / 3 * 4 + i % 3);
  return order;
}

// Sixteen pixels a step, the last masked: nothing outside is touched. The sums are those of blend_row_avx2.
template <int kChannels, BlendMode kMode, bool kPicture>
inline void blend_row_avx512(const Blend& job, const std::uint8_t* src, const std::uint8_t* behind_row,
                             const std::uint8_t* alpha, std::uint8_t* dst, std::int32_t begin, std::int32_t end) {
  constexpr int kOut = kMode == BlendMode::over ? 3 : 4;
  static constexpr ByteOrder kSpread = spread_order<kChannels>();
  static constexpr ByteOrder kClose = close_order();
  const __m512i spread = _mm512_load_si512(kSpread.from);
  const __m512i close = _mm512_load_si512(kClose.from);
  const __m512i to_lanes = _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0);
  const __m512i zero = _mm512_setzero_si512();
  const auto word = [&](int c) { return static_cast<long long>(job.background[c]); };
  const __m512i behind = _mm512_set1_epi64(word(0) | word(1) << 16 | word(2) << 32);
  const __m512i top = _mm512_set1_epi16(255);
  const __m512i behind_255 = _mm512_mullo_epi16(behind, top);
  const auto mixed = [&](__m512i colour, __m512i ground, __m512i a) {
    if (kMode == BlendMode::premultiplied) return divide_by_255(_mm512_mullo_epi16(colour, a));
    const __m512i ground_255 = kPicture ? _mm512_mullo_epi16(ground, top) : behind_255;
    return divide_by_255(_mm512_add_epi16(_mm512_mullo_epi16(_mm512_sub_epi16(colour, ground), a), ground_255));
  };
  const auto step = [&](std::int32_t x, std::int32_t n) {
    const __mmask64 all = ~std::uint64_t{0};
    __m512i pixels = _mm512_maskz_loadu_epi8(all >> (64 - n * kChannels), src + x * kChannels);
    if (kChannels != 4) pixels = _mm512_maskz_permutexvar_epi8(0x7777777777777777, spread, pixels);
    const __m128i levels = _mm_maskz_loadu_epi8(static_cast<__mmask16>(0xffff >> (16 - n)), alpha + (x - begin));
    __m512i a = _mm512_cvtepu8_epi32(levels);
    if (kChannels == 4) a = divide_by_255(_mm512_mullo_epi16(a, _mm512_srli_epi32(pixels, 24)));
    if (job.threshold) {
      const __mmask16 opaque = _mm512_cmpge_epi32_mask(a, _mm512_set1_epi32(job.threshold));
      a = _mm512_maskz_set1_epi32(opaque, 255);
    }
    __m512i result = _mm512_and_si512(pixels, _mm512_set1_epi32(0x00ffffff));
    if (kMode == BlendMode::straight) {
      result = _mm512_maskz_mov_epi32(_mm512_test_epi32_mask(a, a), result);
    } else {
      const __m512i factors = _mm512_shuffle_epi8(a, to_lanes);
      __m512i low_ground = behind;
      __m512i high_ground = behind;
      if constexpr (kPicture) {
        static constexpr ByteOrder kThree = spread_order<3>();
        __m512i ground = _mm512_maskz_loadu_epi8(all >> (64 - n * 3), behind_row + x * 3);
        ground = _mm512_maskz_permutexvar_epi8(0x7777777777777777, _mm512_load_si512(kThree.from), ground);
        low_ground = _mm512_unpacklo_epi8(ground, zero);
        high_ground = _mm512_unpackhi_epi8(ground, zero);
      }
      const __m512i low = mixed(_mm512_unpacklo_epi8(result, zero), low_ground, _mm512_unpacklo_epi8(factors, zero));
      const __m512i high = mixed(_mm512_unpackhi_epi8(result, zero), high_ground, _mm512_unpackhi_epi8(factors, zero));
      result = _mm512_packus_epi16(low, high);
    }
    result = kOut == 4 ? _mm512_or_si512(result, _mm512_slli_epi32(a, 24)) : _mm512_permutexvar_epi8(close, result);
    _mm512_mask_storeu_epi8(dst + x * kOut, all >> (64 - n * kOut), result);
  };
  std::int32_t x = begin;
  for (; x + 16 <= end; x += 16) step(x, 16);
  if (x < end) step(x, end - x);
}
#endif

template <int kChannels, BlendMode kMode, bool kPicture>
inline void blend_row(const Blend& job, const char* src, const char* behind, const char* alpha, char* dst,
                      std::int32_t begin, std::int32_t end) {
  if (job.wide) {
    const auto* p = reinterpret_cast<const std::uint16_t*>(src);
    const auto* b = reinterpret_cast<const std::uint16_t*>(behind);
    const auto* a = reinterpret_cast<const std::uint16_t*>(alpha);
    auto* out = reinterpret_cast<std::uint16_t*>(dst);
    std::int32_t done = begin;
#ifdef __AVX2__
    done = blend_row_wide<kChannels, kMode, kPicture>(job, p, b, a, out, begin, end);
#endif
    blend_row_plain<std::uint16_t, kChannels, kMode, kPicture>(job, p, b, a, out, begin, done, end);
    return;
  }
  const auto* p = reinterpret_cast<const std::uint8_t*>(src);
  const auto* b = reinterpret_cast<const std::uint8_t*>(behind);
  const auto* a = reinterpret_cast<const std::uint8_t*>(alpha);
  auto* out = reinterpret_cast<std::uint8_t*>(dst);
#ifdef __AVX512F__
  blend_row_avx512<kChannels, kMode, kPicture>(job, p, b, a, out, begin, end);
#else
  std::int32_t done = begin;
#ifdef __AVX2__
  done = blend_row_avx2<kChannels, kMode, kPicture>(job, p, b, a, out, begin, end);
#endif
  blend_row_plain<std::uint8_t, kChannels, kMode, kPicture>(job, p, b, a, out, begin, done, end);
#endif
}

template <int kChannels>
inline void blend_row(const Blend& job, const char* src, const char* behind, const char* alpha, char* dst,
                      std::int32_t begin, std::int32_t end) {
  switch (job.mode) {
    case BlendMode::straight:
      return blend_row<kChannels, BlendMode::straight, false>(job, src, behind, alpha, dst, begin, end);
    case BlendMode::premultiplied:
      return blend_row<kChannels, BlendMode::premultiplied, false>(job, src, behind, alpha, dst, begin, end);
    case BlendMode::over:
      if (behind) return blend_row<kChannels, BlendMode::over, true>(job, src, behind, alpha, dst, begin, end);
      return blend_row<kChannels, BlendMode::over, false>(job, src, behind, alpha, dst, begin, end);
  }
}

inline void blend_row(const Blend& job, std::int32_t y, const char* alpha, std::int32_t begin, std::int32_t end) {
  const char* src = static_cast<const char*>(job.src) + y * job.src_stride;
  const char* behind = job.behind ? static_cast<const char*>(job.behind) + y * job.behind_stride : nullptr;
  char* dst = static_cast<char*>(job.dst) + y * job.dst_stride;
  if (job.channels == 1) {
    blend_row<1>(job, src, behind, alpha, dst, begin, end);
  } else if (job.channels == 3) {
    blend_row<3>(job, src, behind, alpha, dst, begin, end);
  } else {
    blend_row<4>(job, src, behind, alpha, dst, begin, end);
  }
}

void blend(const Blend& job, std::int32_t row_begin, std::int32_t row_end) {
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    blend_row(job, y, static_cast<const char*>(job.alpha) + y * job.alpha_stride, 0, job.width);
  }
}

}  // namespace
