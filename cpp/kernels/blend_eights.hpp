// Eight pixels of 8-bit samples a step with AVX2: what blend and cutout share. The alpha comes in 32-bit lanes, from
// memory or straight from the mask.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/divide.hpp"
#include "kernels/kernels.hpp"
#include "kernels/stream.hpp"

#ifdef __AVX2__

#include <immintrin.h>

namespace {

using namespace rmbg::kernels;

// Eight pixels, four a lane: packed from the lane's first byte on, or a grey one in 32 bits. Loads run up to 8 bytes
// past the eight pixels.
template <int kChannels>
inline __m256i load_pixels8(const std::uint8_t* p) {
  if (kChannels == 4) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  if (kChannels == 1) return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 12));
  return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

// Of those: 32 bits R G B 0 each.
template <int kChannels>
inline __m256i colours_of(__m256i pixels) {
  if (kChannels == 4) return _mm256_and_si256(pixels, _mm256_set1_epi32(0x00ffffff));
  const __m128i order = kChannels == 1 ? _mm_setr_epi8(0, 0, 0, -1, 4, 4, 4, -1, 8, 8, 8, -1, 12, 12, 12, -1)
                                       : _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
  return _mm256_shuffle_epi8(pixels, _mm256_broadcastsi128_si256(order));
}

// The same as words, halves of the lanes in turn; the fourth is the pixel's, or any.
struct Words {
  __m256i low, high;
};

inline Words words_by(__m256i bytes, __m128i low, __m128i high) {
  return {_mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(low)),
          _mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(high))};
}

template <int kChannels>
inline Words colour_words_of(__m256i pixels) {
  constexpr char z = -1;
  if (kChannels == 4) {
    return {_mm256_unpacklo_epi8(pixels, _mm256_setzero_si256()), _mm256_unpackhi_epi8(pixels, _mm256_setzero_si256())};
  }
  if (kChannels == 1) {
    return words_by(pixels, _mm_setr_epi8(0, z, 0, z, 0, z, z, z, 4, z, 4, z, 4, z, z, z),
                    _mm_setr_epi8(8, z, 8, z, 8, z, z, z, 12, z, 12, z, 12, z, z, z));
  }
  return words_by(pixels, _mm_setr_epi8(0, z, 1, z, 2, z, z, z, 3, z, 4, z, 5, z, z, z),
                  _mm_setr_epi8(6, z, 7, z, 8, z, z, z, 9, z, 10, z, 11, z, z, z));
}

// Of 32-bit levels: each as all words of its pixel.
inline Words factors_of(__m256i levels) {
  constexpr char z = -1;
  return words_by(levels, _mm_setr_epi8(0, z, 0, z, 0, z, 0, z, 4, z, 4, z, 4, z, 4, z),
                  _mm_setr_epi8(8, z, 8, z, 8, z, 8, z, 12, z, 12, z, 12, z, 12, z));
}

// Pixels [begin, end) of a row; src, dst and, with kPicture, behind are the row's; alpha(x) gives the levels of pixels
// x to x + 7. Gives how far it came; the caller does the rest. What it reads and writes beyond `end` lies in the row.
template <int kChannels, BlendMode kMode, bool kPicture, typename Alpha>
inline std::int32_t blend_eights(const Blend& job, const std::uint8_t* src, const std::uint8_t* behind,
                                 std::uint8_t* dst, std::int32_t begin, std::int32_t end, Alpha alpha) {
  constexpr int kOut = kMode == BlendMode::over ? 3 : 4;
  constexpr std::int32_t kReach = 10;  // a step reads, and with RGB out writes, 28 bytes for its 24: 9 1/3 pixels
  const __m256i threshold = _mm256_set1_epi32(job.threshold - 1);
  const __m256i top = _mm256_set1_epi16(255);
  const auto word = [&](int c) { return static_cast<long long>(job.background[c]); };
  const __m256i colour_behind = _mm256_set1_epi64x(word(0) | word(1) << 16 | word(2) << 32);
  const __m256i colour_behind_255 = _mm256_mullo_epi16(colour_behind, top);
  const auto mixed = [&](__m256i colour, __m256i ground, __m256i a) {
    if (kMode == BlendMode::premultiplied) return divide_by_255(_mm256_mullo_epi16(colour, a));
    // colour * a + ground * (255 - a) fits 16 bits, whatever overflows on the way
    const __m256i ground_255 = kPicture ? _mm256_mullo_epi16(ground, top) : colour_behind_255;
    return divide_by_255(_mm256_add_epi16(_mm256_mullo_epi16(_mm256_sub_epi16(colour, ground), a), ground_255));
  };
  // As R G B A; A is not set with RGB out.
  const auto eight = [&](std::int32_t x) RMBG_FAST_INLINE {
    const __m256i pixels = load_pixels8<kChannels>(src + x * kChannels);
    __m256i a = alpha(x);
    if (kChannels == 4) a = divide_by_255(_mm256_mullo_epi16(a, _mm256_srli_epi32(pixels, 24)));
    if (job.threshold) a = _mm256_and_si256(_mm256_cmpgt_epi32(a, threshold), _mm256_set1_epi32(255));
    __m256i colour;
    if (kMode == BlendMode::straight) {
      colour = _mm256_andnot_si256(_mm256_cmpeq_epi32(a, _mm256_setzero_si256()), colours_of<kChannels>(pixels));
    } else {
      const Words words = colour_words_of<kChannels>(pixels);
      const Words factors = factors_of(a);
      Words ground{colour_behind, colour_behind};
      if constexpr (kPicture) ground = colour_words_of<3>(load_pixels8<3>(behind + x * 3));
      colour =
          _mm256_packus_epi16(mixed(words.low, ground.low, factors.low), mixed(words.high, ground.high, factors.high));
      if (kOut == 4 && kChannels == 4) colour = _mm256_and_si256(colour, _mm256_set1_epi32(0x00ffffff));
    }
    return kOut == 4 ? _mm256_or_si256(colour, _mm256_slli_epi32(a, 24)) : colour;
  };
  [[maybe_unused]] const __m256i close =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
  const auto put = [&](std::int32_t x) RMBG_FAST_INLINE {
    const __m256i pixels = eight(x);
    if constexpr (kOut == 4) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + x * 4), pixels);
    } else {
      const __m256i packed = _mm256_shuffle_epi8(pixels, close);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + x * 3), _mm256_castsi256_si128(packed));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + x * 3 + 12), _mm256_extracti128_si256(packed, 1));
    }
  };
  const auto fetch = [](const std::uint8_t* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); };
  constexpr std::int32_t kFetch = 768;         // bytes of the picture ahead
  constexpr std::int32_t kFetchResult = 1024;  // and of the result: a plain store first reads its line
  const std::int32_t last = (end - 8 < job.width - kReach) ? end - 8 : job.width - kReach;  // where a step may begin
  std::int32_t x = begin;
#if RMBG_FAST_STREAMS
  if constexpr (kOut == 4) {
    const std::int32_t head = bytes_to_line(dst + begin * 4);
    if (job.stream && head % 4 == 0 && last - begin >= 32) {
      x += head / 4;
      if (x > begin) put(begin);
      if (x > begin + 8) put(x - 8);
      for (; x + 8 <= last; x += 16) {
        fetch(src + x * kChannels + kFetch);
        const __m256i near = eight(x);
        const __m256i far = eight(x + 8);
        _mm256_stream_si256(reinterpret_cast<__m256i*>(dst + x * 4), near);
        _mm256_stream_si256(reinterpret_cast<__m256i*>(dst + x * 4 + 32), far);
      }
    }
  }
#endif
  for (; x + 8 <= last; x += 16) {
    fetch(src + x * kChannels + kFetch);
    fetch(dst + x * kOut + kFetchResult);
    put(x);
    put(x + 8);
  }
  for (; x <= last; x += 8) put(x);
  return x;
}

}  // namespace

#endif
