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

#ifdef __AVX2__
// `narrowed` of sixteen: v * 255 in two halves, and what 32895 carries from the lower to the upper.
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

// Packs rows of one job; what its strides decide is found out once.
template <typename T>
class RowPacker {
 public:
  explicit RowPacker(const Pack& job)
      : channels_(job.channels), pixel_stride_(job.pixel_stride), channel_stride_(job.channel_stride) {
#ifdef __AVX2__
    if (channels_ > 1 && pixel_stride_ == kSample) {
      order_planes();
    } else {
      order_pixels();
    }
#endif
  }

  void operator()(const char* src, std::int32_t width, char* dst) const {
    std::int32_t x = 0;
#ifdef __AVX2__
    if (planes_) x = pack_planes(src, width, dst);
    if (pixels_ > 1) x = pack_shuffled(src, width, dst);
#endif
    pack_plain(src, x, width, dst);
  }

 private:
  static constexpr std::int32_t kSample = sizeof(T);

  void pack_plain(const char* src, std::int32_t begin, std::int32_t end, char* dst) const {
    for (std::int32_t x = begin; x < end; ++x) {
      for (std::int32_t c = 0; c < channels_; ++c) {
        const T v = sample_at<T>(src + x * pixel_stride_ + c * channel_stride_);
        std::memcpy(dst + (std::ptrdiff_t{x} * channels_ + c) * kSample, &v, sizeof(v));
      }
    }
  }

#ifdef __AVX2__
  // Bytes of `pixels` pixels lie from low_, relative to the first of them, on; gives how many.
  std::ptrdiff_t span(std::ptrdiff_t pixels) {
    const std::ptrdiff_t last = (pixels - 1) * pixel_stride_;
    low_ = (last < 0 ? last : 0) + before_;
    return (last > 0 ? last : 0) + after_ - low_;
  }

  // Several pixels a step, where they lie within 16 bytes.
  void order_pixels() {
    const std::ptrdiff_t packed = channels_ * kSample;
    const std::ptrdiff_t last_channel = (channels_ - 1) * channel_stride_;
    before_ = last_channel < 0 ? last_channel : 0;
    after_ = (last_channel > 0 ? last_channel : 0) + kSample;
    while ((pixels_ + 1) * packed <= 16 && span(pixels_ + 1) <= 16) ++pixels_;
    if (pixels_ < 2) return;
    span(pixels_);
    for (std::ptrdiff_t i = 0; i < pixels_ * packed; ++i) {
      const std::ptrdiff_t x = i / packed;
      const std::ptrdiff_t c = i % packed / kSample;
      from_[0][0][i] = static_cast<std::int8_t>(x * pixel_stride_ + c * channel_stride_ + i % kSample - low_);
    }
  }

  // Gives how far it came.
  std::int32_t pack_shuffled(const char* src, std::int32_t width, char* dst) const {
    const std::ptrdiff_t packed = channels_ * kSample;
    const __m128i order = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from_[0][0]));
    // What is loaded must be within the row, as far as its pixels span it, and what is stored too.
    const std::ptrdiff_t last = (width - 1) * pixel_stride_;
    const std::ptrdiff_t row_begin = (last < 0 ? last : 0) + before_;
    const std::ptrdiff_t row_end = (last > 0 ? last : 0) + after_;
    std::int32_t x = 0;
    for (; x < width && x < 16 && x * pixel_stride_ + low_ + 16 > row_end; ++x) {
      pack_plain(src, x, x + 1, dst);  // of a row that runs backwards
    }
    // The first pixel that a step may not begin with.
    std::ptrdiff_t upto = width;
    const auto limit = [&](std::ptrdiff_t room, std::ptrdiff_t size) {
      const std::ptrdiff_t most = room < 0 ? 0 : room / size + 1;
      upto = most < upto ? most : upto;
    };
    limit(width * packed - 16, packed);
    if (pixel_stride_ > 0) limit(row_end - 16 - low_, pixel_stride_);
    if (pixel_stride_ < 0) limit(low_ - row_begin, -pixel_stride_);
    if (pixel_stride_ == 0 && low_ + 16 > row_end) upto = 0;
    for (; x < upto; x += static_cast<std::int32_t>(pixels_)) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(src + x * pixel_stride_ + low_));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + x * packed), _mm_shuffle_epi8(bytes, order));
    }
    return x;
  }

  // Planes, 16 bytes of each a step. Byte i of the `part`-th 16 that are stored comes from one plane; the other planes
  // have 0 there.
  void order_planes() {
    planes_ = true;
    for (std::int32_t part = 0; part < channels_; ++part) {
      for (std::int32_t i = 0; i < 16; ++i) {
        const std::int32_t at = 16 * part + i;
        const std::int32_t plane = at / kSample % channels_;
        const std::int32_t byte = at / (channels_ * kSample) * kSample + i % kSample;
        for (std::int32_t c = 0; c < channels_; ++c)
          from_[part][c][i] = static_cast<std::int8_t>(c == plane ? byte : -1);
      }
    }
  }

  std::int32_t pack_planes(const char* src, std::int32_t width, char* dst) const {
    constexpr std::int32_t pixels = 16 / kSample;
    std::int32_t x = 0;
    for (; x + pixels <= width; x += pixels) {
      for (std::int32_t part = 0; part < channels_; ++part) {
        __m128i bytes = _mm_setzero_si128();
        for (std::int32_t c = 0; c < channels_; ++c) {
          const char* plane = src + c * channel_stride_ + x * kSample;
          const __m128i order = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from_[part][c]));
          const __m128i own = _mm_loadu_si128(reinterpret_cast<const __m128i*>(plane));
          bytes = _mm_or_si128(bytes, _mm_shuffle_epi8(own, order));
        }
        _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + x * channels_ * kSample + 16 * part), bytes);
      }
    }
    return x;
  }

  bool planes_ = false;
  std::ptrdiff_t pixels_ = 0;  // a step, where they are no planes
  std::ptrdiff_t low_ = 0;     // its bytes: from here, relative to its first pixel
  std::ptrdiff_t before_ = 0;  // bytes of a pixel: from here, relative to its first sample
  std::ptrdiff_t after_ = 0;   // to here
  std::int8_t from_[4][4][16] = {};
#endif
  std::int32_t channels_;
  std::ptrdiff_t pixel_stride_;
  std::ptrdiff_t channel_stride_;
};

// Some pixels at a time: packed as words, which are then narrowed.
inline void pack_narrow_row(const Pack& job, const RowPacker<std::uint16_t>& packer, const char* src,
                            std::uint8_t* dst) {
  constexpr std::int32_t kPixels = 256;
  std::uint16_t words[4 * kPixels];
  for (std::int32_t x = 0; x < job.width; x += kPixels) {
    const std::int32_t n = job.width - x < kPixels ? job.width - x : kPixels;
    packer(src + x * job.pixel_stride, n, reinterpret_cast<char*>(words));
    narrow_row(reinterpret_cast<const char*>(words), std::ptrdiff_t{n} * job.channels,
               dst + std::ptrdiff_t{x} * job.channels);
  }
}

// Calls row(src, dst) for each row.
template <typename Row>
inline void pack_rows(const Pack& job, std::int32_t row_begin, std::int32_t row_end, Row row) {
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    row(static_cast<const char*>(job.src) + y * job.src_stride, static_cast<char*>(job.dst) + y * job.dst_stride);
  }
}

void pack(const Pack& job, std::int32_t row_begin, std::int32_t row_end) {
  if (job.narrow && job.channel_stride == 2 && job.pixel_stride == 2 * job.channels) {
    pack_rows(job, row_begin, row_end, [&](const char* src, char* dst) {
      narrow_row(src, std::ptrdiff_t{job.width} * job.channels, reinterpret_cast<std::uint8_t*>(dst));
    });
  } else if (job.narrow) {
    const RowPacker<std::uint16_t> packer(job);
    pack_rows(job, row_begin, row_end, [&](const char* src, char* dst) {
      pack_narrow_row(job, packer, src, reinterpret_cast<std::uint8_t*>(dst));
    });
  } else if (job.wide) {
    const RowPacker<std::uint16_t> packer(job);
    pack_rows(job, row_begin, row_end, [&](const char* src, char* dst) { packer(src, job.width, dst); });
  } else {
    const RowPacker<std::uint8_t> packer(job);
    pack_rows(job, row_begin, row_end, [&](const char* src, char* dst) { packer(src, job.width, dst); });
  }
}

}  // namespace
