// What both resizes of a picture share: the planes' rows on their way out, and the RGBx -> planar transpose.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/half.hpp"
#include "kernels/kernels.hpp"
#include "kernels/row_end.hpp"

#ifdef __AVX2__
#include <immintrin.h>
#endif

// The AVX2 tier; the AVX-512 tier has both instruction sets, and mostly other ways.
#if defined(__AVX2__) && !defined(__AVX512F__)
#define RMBG_FAST_ONLY_AVX2 1
#else
#define RMBG_FAST_ONLY_AVX2 0
#endif

namespace {

using namespace rmbg::kernels;

constexpr std::int32_t kHalfChunk = 64;  // floats converted at a time on their way to binary16

inline std::int32_t planes_of(const Picture8& src) { return src.channels == 1 ? 1 : 3; }

inline std::int32_t source_plane(const Picture8& src, std::int32_t plane) {
  if (src.channels == 1) return 0;
  return src.bgr ? 2 - plane : plane;
}

inline void half_row(const float* src, std::int32_t n, std::uint16_t* dst) {
  std::int32_t x = 0;
#if defined(__AVX512F__)
  for (; x + 16 <= n; x += 16) {
    const __m256i h = _mm512_cvtps_ph(_mm512_loadu_ps(src + x), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + x), h);
  }
#elif defined(__AVX2__)
  for (; x + 8 <= n; x += 8) {
    const __m128i h = _mm256_cvtps_ph(_mm256_loadu_ps(src + x), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + x), h);
  }
#endif
  for (; x < n; ++x) dst[x] = half_from_float(src[x]);
}

// Writes row y of a plane; formula(begin, n, float* to) computes n values from x = begin on.
template <typename Formula>
inline void write_row(const NormalizedPlanes& out, std::int32_t plane, std::int32_t y, Formula formula) {
  const std::ptrdiff_t at = (static_cast<std::ptrdiff_t>(plane) * out.height + y) * out.width;
  if (!out.half) {
    formula(0, out.width, static_cast<float*>(out.dst) + at);
    return;
  }
  std::uint16_t* to = static_cast<std::uint16_t*>(out.dst) + at;
  float chunk[kHalfChunk];
  std::int32_t x = 0;
  for (; x + kHalfChunk <= out.width; x += kHalfChunk) {  // of a length that the compiler knows
    formula(x, kHalfChunk, chunk);
    half_row(chunk, kHalfChunk, to + x);
  }
  formula(x, out.width - x, chunk);
  half_row(chunk, out.width - x, to + x);
}

#ifdef __AVX2__
inline __m256i two_lanes(const void* low, const void* high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(low))),
                                 _mm_loadu_si128(static_cast<const __m128i*>(high)), 1);
}

// v[k] holds pixel k in its low lane and pixel k + 4 in its high lane, as R G B x. Out: 8 reds, 8 greens, 8 blues.
inline void transpose_rgbx(const __m256i v[4], __m256i planes[3]) {
  const __m256i rg01 = _mm256_unpacklo_epi32(v[0], v[1]);  // r0 r1 g0 g1 | r4 r5 g4 g5
  const __m256i rg23 = _mm256_unpacklo_epi32(v[2], v[3]);
  const __m256i bx01 = _mm256_unpackhi_epi32(v[0], v[1]);  // b0 b1 x0 x1 | b4 b5 x4 x5
  const __m256i bx23 = _mm256_unpackhi_epi32(v[2], v[3]);
  planes[0] = _mm256_unpacklo_epi64(rg01, rg23);
  planes[1] = _mm256_unpackhi_epi64(rg01, rg23);
  planes[2] = _mm256_unpacklo_epi64(bx01, bx23);
}
#endif

}  // namespace
