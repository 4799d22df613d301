// The end of resize_triangle: sums of one output row, normalised and written.
#pragma once

#include <cstring>

#include "kernels/rows.hpp"

namespace {

#if RMBG_FAST_ONLY_AVX2
// Sixteen sums of a plane.
struct TriangleSums {
  __m256i first, last;
};

inline TriangleSums load_sums(const std::int32_t* from) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 8))};
}

inline void store_sums(const TriangleSums& sums, std::int32_t* to) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), sums.first);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 8), sums.last);
}

template <bool kRounds, typename Job, typename Sums>
inline void triangle_write_planes(const Job& job, std::int32_t y, Sums sums) {
  const __m256i half = _mm256_set1_epi32(job.out.rounding == Rounding::nearest ? 1 << 20 : 0);
  for (std::int32_t c = 0; c < 3; ++c) {
    const std::int32_t plane = source_plane(job.src, c);
    const __m256 gain = _mm256_set1_ps(kRounds ? job.out.scale[c] : job.out.scale[c] * 0x1p-21f);
    const __m256 bias = _mm256_set1_ps(job.out.bias[c]);
    const auto normalised = [&](__m256i sum) {
      if constexpr (kRounds) sum = _mm256_srai_epi32(_mm256_add_epi32(sum, half), 21);
      return _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), gain), bias);
    };
    const auto store = [&](std::int32_t x, float* to) {
      const TriangleSums all = sums(plane, x);
      _mm256_storeu_ps(to, normalised(all.first));
      _mm256_storeu_ps(to + 8, normalised(all.last));
    };
    write_row(job.out, c, y, [&](std::int32_t begin, std::int32_t n, float* __restrict to) {
      std::int32_t i = 0;
      for (; i + 16 <= n; i += 16) store(begin + i, to + i);
      if (i == n) return;
      float rest[16];
      store(begin + i, rest);
      std::memcpy(to + i, rest, sizeof(float) * static_cast<std::size_t>(n - i));
    });
  }
}

// sums(plane, x) gives those of columns x to x + 15 of a source plane, x being a multiple of 16, up to padded_width;
// they are nowhere stored, but for a grey row, of which three planes are made: in `kept`.
template <typename Job, typename Sums>
inline void triangle_write(const Job& job, std::int32_t y, std::int32_t* kept, Sums sums) {
  const auto write = [&](auto from) {
    if (job.out.rounding == Rounding::none) {
      triangle_write_planes<false>(job, y, from);
    } else {
      triangle_write_planes<true>(job, y, from);
    }
  };
  if (planes_of(job.src) > 1) return write(sums);
  for (std::int32_t x = 0; x < job.out.width; x += 16) store_sums(sums(0, x), kept + x);
  write([&](std::int32_t, std::int32_t x) { return load_sums(kept + x); });
}
#else
// `sums` are planes of padded_width.
inline void triangle_write(const ResizeTriangle& job, std::int32_t y, const std::int32_t* sums) {
  const std::int32_t half = job.out.rounding == Rounding::nearest ? 1 << 20 : 0;
  for (std::int32_t c = 0; c < 3; ++c) {
    const std::int32_t* __restrict from =
        sums + source_plane(job.src, c) * static_cast<std::ptrdiff_t>(padded_width(job.out.width));
    const float scale = job.out.scale[c];
    const float bias = job.out.bias[c];
    if (job.out.rounding == Rounding::none) {
      const float gain = scale * 0x1p-21f;
      write_row(job.out, c, y, [=](std::int32_t begin, std::int32_t n, float* __restrict to) {
        for (std::int32_t x = 0; x < n; ++x) to[x] = static_cast<float>(from[begin + x]) * gain + bias;
      });
    } else {
      write_row(job.out, c, y, [=](std::int32_t begin, std::int32_t n, float* __restrict to) {
        for (std::int32_t x = 0; x < n; ++x) {
          to[x] = static_cast<float>((from[begin + x] + half) >> 21) * scale + bias;
        }
      });
    }
  }
}
#endif

}  // namespace
