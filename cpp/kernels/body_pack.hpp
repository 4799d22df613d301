// pack: rows of pixels from anywhere, brought together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/kernels.hpp"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace {

using namespace rmbg::kernels;

template <typename T>
inline T sample_at(const char* p) {
  T sample;
  std::memcpy(&sample, p, sizeof(sample));
  return sample;
}

inline std::uint8_t narrowed(std::uint32_t v) { return static_cast<std::uint8_t>((v * 255u + 32895u) >> 16); }

template <typename T>
inline void pack_pixels(const Pack& job, const char* src, char* dst, std::int32_t begin, std::int32_t end) {
  for (std::int32_t x = begin; x < end; ++x) {
    for (std::int32_t c = 0; c < job.channels; ++c) {
      const T v = sample_at<T>(src + x * job.pixel_stride + c * job.channel_stride);
      std::memcpy(dst + (std::ptrdiff_t{x} * job.channels + c) * static_cast<std::ptrdiff_t>(sizeof(T)), &v, sizeof(T));
    }
  }
}

#ifdef __AVX2__
// The same of sixteen: v * 255 in two halves, and what 32895 carries from the lower to the upper.
inline __m256i narrowed16(const char* src) {
  const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(src));
  const __m256i low = _mm256_sub_epi16(_mm256_slli_epi16(v, 8), v);
  const __m256i least = _mm256_set1_epi16(static_cast<short>(65536 - 32895));
  const __m256i carries = _mm256_cmpeq_epi16(_mm256_max_epu16(low, least), low);
  return _mm256_sub_epi16(_mm256_mulhi_epu16(v, _mm256_set1_epi16(255)), carries);
}
#endif

inline void narrow_row(const char* src, std::ptrdiff_t count, std::uint8_t* dst) {
  std::ptrdiff_t i = 0;
#ifdef __AVX2__
  for (; i + 32 <= count; i += 32) {
    const __m256i bytes = _mm256_packus_epi16(narrowed16(src + 2 * i), narrowed16(src + 2 * i + 32));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + i), _mm256_permute4x64_epi64(bytes, 0xd8));
  }
#endif
  for (; i < count; ++i) dst[i] = narrowed(sample_at<std::uint16_t>(src + 2 * i));
}

#ifdef __AVX2__
// Several pixels a step, where they lie within 16 bytes: gives how far it came.
template <typename T>
inline std::int32_t pack_shuffled(const Pack& job, const char* src, char* dst) {
  const std::ptrdiff_t sample = sizeof(T);
  const std::ptrdiff_t packed = job.channels * sample;
  const std::ptrdiff_t last_channel = (job.channels - 1) * job.channel_stride;
  const std::ptrdiff_t before = last_channel < 0 ? last_channel : 0;  // bytes of a pixel: from here
  const std::ptrdiff_t after = (last_channel > 0 ? last_channel : 0) + sample;
  std::ptrdiff_t pixels = 0;
  std::ptrdiff_t low = 0;                    // bytes of a step: from here, relative to its first pixel
  const auto ends = [&](std::ptrdiff_t n) {  // of n pixels
    const std::ptrdiff_t last = (n - 1) * job.pixel_stride;
    low = (last < 0 ? last : 0) + before;
    return (last > 0 ? last : 0) + after - low;
  };
  while ((pixels + 1) * packed <= 16 && ends(pixels + 1) <= 16) ++pixels;
  if (pixels < 2) return 0;
  ends(pixels);
  std::int8_t from[16] = {};
  for (std::ptrdiff_t i = 0; i < pixels * packed; ++i) {
    const std::ptrdiff_t x = i / packed;
    const std::ptrdiff_t c = i % packed / sample;
    from[i] = static_cast<std::int8_t>(x * job.pixel_stride + c * job.channel_stride + i % sample - low);
  }
  const __m128i order = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  // What is loaded must be within the row, as far as its pixels span it, and what is stored too.
  const std::ptrdiff_t span = (job.width - 1) * job.pixel_stride;
  const std::ptrdiff_t row_begin = (span < 0 ? span : 0) + before;
  const std::ptrdiff_t row_end = (span > 0 ? span : 0) + after;
  std::int32_t x = 0;
  for (; x < job.width && x < 16 && x * job.pixel_stride + low + 16 > row_end; ++x) {
    pack_pixels<T>(job, src, dst, x, x + 1);  // of a row that runs backwards
  }
  // The first pixel that a step may not begin with.
  std::ptrdiff_t upto = job.width;
  const auto limit = [&](std::ptrdiff_t room, std::ptrdiff_t size) {
    const std::ptrdiff_t most = room < 0 ? 0 : room / size + 1;
    upto = most < upto ? most : upto;
  };
  limit(job.width * packed - 16, packed);
  if (job.pixel_stride > 0) limit(row_end - 16 - low, job.pixel_stride);
  if (job.pixel_stride < 0) limit(low - row_begin, -job.pixel_stride);
  if (job.pixel_stride == 0 && low + 16 > row_end) upto = 0;
  for (; x < upto; x += static_cast<std::int32_t>(pixels)) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(src + x * job.pixel_stride + low));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + x * packed), _mm_shuffle_epi8(bytes, order));
  }
  return x;
}

// Planes, 16 bytes of each a step: gives how far it came.
template <typename T>
inline std::int32_t pack_planes(const Pack& job, const char* src, char* dst) {
  constexpr std::int32_t sample = sizeof(T);
  constexpr std::int32_t pixels = 16 / sample;
  const std::int32_t channels = job.channels;
  // Byte i of the `part`-th 16 that are stored comes from one plane; the other planes have 0 there.
  std::int8_t from[4][4][16];
  for (std::int32_t part = 0; part < channels; ++part) {
    for (std::int32_t i = 0; i < 16; ++i) {
      const std::int32_t at = 16 * part + i;
      const std::int32_t plane = at / sample % channels;
      for (std::int32_t c = 0; c < channels; ++c) {
        from[part][c][i] = static_cast<std::int8_t>(c == plane ? at / (channels * sample) * sample + i % sample : -1);
      }
    }
  }
  std::int32_t x = 0;
  for (; x + pixels <= job.width; x += pixels) {
    for (std::int32_t part = 0; part < channels; ++part) {
      __m128i bytes = _mm_setzero_si128();
      for (std::int32_t c = 0; c < channels; ++c) {
        const char* plane = src + c * job.channel_stride + x * sample;
        const __m128i order = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from[part][c]));
        const __m128i own = _mm_loadu_si128(reinterpret_cast<const __m128i*>(plane));
        bytes = _mm_or_si128(bytes, _mm_shuffle_epi8(own, order));
      }
      _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + x * channels * sample + 16 * part), bytes);
    }
  }
  return x;
}
#endif

template <typename T>
inline void pack_row(const Pack& job, const char* src, char* dst) {
  std::int32_t x = 0;
#ifdef __AVX2__
  const bool planes = job.channels > 1 && job.pixel_stride == static_cast<std::ptrdiff_t>(sizeof(T));
  x = planes ? pack_planes<T>(job, src, dst) : pack_shuffled<T>(job, src, dst);
#endif
  pack_pixels<T>(job, src, dst, x, job.width);
}

// Some pixels at a time: packed as words, which are then narrowed.
inline void pack_narrow_row(Pack job, const char* src, std::uint8_t* dst) {
  constexpr std::int32_t kPixels = 256;
  std::uint16_t words[4 * kPixels];
  const std::int32_t width = job.width;
  for (std::int32_t x = 0; x < width; x += kPixels) {
    job.width = width - x < kPixels ? width - x : kPixels;
    pack_row<std::uint16_t>(job, src + x * job.pixel_stride, reinterpret_cast<char*>(words));
    narrow_row(reinterpret_cast<const char*>(words), std::ptrdiff_t{job.width} * job.channels,
               dst + std::ptrdiff_t{x} * job.channels);
  }
}

void pack(const Pack& job, std::int32_t row_begin, std::int32_t row_end) {
  const bool together = job.channel_stride == 2 && job.pixel_stride == 2 * job.channels;
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    const char* src = static_cast<const char*>(job.src) + y * job.src_stride;
    char* dst = static_cast<char*>(job.dst) + y * job.dst_stride;
    if (job.narrow && together) {
      narrow_row(src, std::ptrdiff_t{job.width} * job.channels, reinterpret_cast<std::uint8_t*>(dst));
    } else if (job.narrow) {
      pack_narrow_row(job, src, reinterpret_cast<std::uint8_t*>(dst));
    } else if (job.wide) {
      pack_row<std::uint16_t>(job, src, dst);
    } else {
      pack_row<std::uint8_t>(job, src, dst);
    }
  }
}

}  // namespace
