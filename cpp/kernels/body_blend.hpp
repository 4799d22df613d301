// blend: picture + alpha -> RGBA or RGB.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/blend_eights.hpp"
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

// Sixteen pixels a step, the last masked: nothing outside is touched. The sums are those of blend_eights.
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

// What a blend is compiled for.
template <int kChannels_, BlendMode kMode_, bool kPicture_>
struct BlendKind {
  static constexpr int kChannels = kChannels_;
  static constexpr BlendMode kMode = kMode_;
  static constexpr bool kPicture = kPicture_;
};

template <int kChannels, typename Work>
inline void with_mode(const Blend& job, Work work) {
  switch (job.mode) {
    case BlendMode::straight:
      return work(BlendKind<kChannels, BlendMode::straight, false>{});
    case BlendMode::premultiplied:
      return work(BlendKind<kChannels, BlendMode::premultiplied, false>{});
    case BlendMode::over:
      if (job.behind) return work(BlendKind<kChannels, BlendMode::over, true>{});
      return work(BlendKind<kChannels, BlendMode::over, false>{});
  }
}

// Calls work(BlendKind).
template <typename Work>
inline void with_kind(const Blend& job, Work work) {
  if (job.channels == 1) {
    with_mode<1>(job, work);
  } else if (job.channels == 3) {
    with_mode<3>(job, work);
  } else {
    with_mode<4>(job, work);
  }
}

template <typename T>
struct BlendRow {
  BlendRow(const Blend& job, std::int32_t y)
      : src(reinterpret_cast<const T*>(static_cast<const char*>(job.src) + y * job.src_stride)),
        behind(job.behind ? reinterpret_cast<const T*>(static_cast<const char*>(job.behind) + y * job.behind_stride)
                          : nullptr),
        dst(reinterpret_cast<T*>(static_cast<char*>(job.dst) + y * job.dst_stride)) {}
  const T* src;
  const T* behind;
  T* dst;
};

// Pixels [begin, end) of row y; alpha is that of pixel `begin` and those after it.
template <typename T>
inline void blend_row(const Blend& job, std::int32_t y, const T* alpha, std::int32_t begin, std::int32_t end) {
  const BlendRow<T> row(job, y);
  with_kind(job, [&](auto kind) {
    using Kind = decltype(kind);
    constexpr int kChannels = Kind::kChannels;
    std::int32_t done = begin;
    if constexpr (sizeof(T) == 2) {
#ifdef __AVX2__
      done =
          blend_row_wide<kChannels, Kind::kMode, Kind::kPicture>(job, row.src, row.behind, alpha, row.dst, begin, end);
#endif
    } else {
#if defined(__AVX512F__)
      blend_row_avx512<kChannels, Kind::kMode, Kind::kPicture>(job, row.src, row.behind, alpha, row.dst, begin, end);
      return;
#elif defined(__AVX2__)
      done = blend_eights<kChannels, Kind::kMode, Kind::kPicture>(
          job, row.src, row.behind, row.dst, begin, end, [&](std::int32_t x) {
            return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(alpha + (x - begin))));
          });
#endif
    }
    blend_row_plain<T, kChannels, Kind::kMode, Kind::kPicture>(job, row.src, row.behind, alpha, row.dst, begin, done,
                                                               end);
  });
}

template <typename T>
inline void blend_rows(const Blend& job, std::int32_t row_begin, std::int32_t row_end) {
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    const auto* alpha = reinterpret_cast<const T*>(static_cast<const char*>(job.alpha) + y * job.alpha_stride);
    blend_row(job, y, alpha, 0, job.width);
  }
}

void blend(const Blend& job, std::int32_t row_begin, std::int32_t row_end) {
  if (job.wide) {
    blend_rows<std::uint16_t>(job, row_begin, row_end);
  } else {
    blend_rows<std::uint8_t>(job, row_begin, row_end);
  }
  end_stream(job.stream);
}

}  // namespace
