// resize_mask and resize_range: mask rows are brought to the picture's width once and kept in a ring, then mixed,
// scaled and quantised.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/body_minmax.hpp"
#include "kernels/kernels.hpp"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace {

using namespace rmbg::kernels;

// A row p of the mask; what is read of the next one, `ahead`, is fetched meanwhile where a mask is shrunk: blending is
// then short, and nothing else hides the wait.
inline void mask_columns_bilinear(const ResizeMask& job, const float* p, [[maybe_unused]] const float* ahead,
                                  float* dst) {
  const std::int32_t* first = job.columns.first;
  const float* fraction = job.columns.weights;
  std::int32_t x = 0;
#ifdef __AVX512F__
  // As below, of sixteen columns.
  for (; x + 16 <= job.width && first[x] + 17 <= job.src_width && first[x + 15] - first[x] < 16; x += 16) {
    const __m512i at = _mm512_sub_epi32(_mm512_loadu_si512(first + x), _mm512_set1_epi32(first[x]));
    const __m512 a = _mm512_permutexvar_ps(at, _mm512_loadu_ps(p + first[x]));
    const __m512 b = _mm512_permutexvar_ps(at, _mm512_loadu_ps(p + first[x] + 1));
    const __m512 step = _mm512_mul_ps(_mm512_sub_ps(b, a), _mm512_loadu_ps(fraction + x));
    _mm512_storeu_ps(dst + x, _mm512_add_ps(a, step));
  }
  // Shrinking to no less than half, they look at 33.
  for (; x + 16 <= job.width && first[x] + 33 <= job.src_width && first[x + 15] - first[x] < 32; x += 16) {
    const __m512i at = _mm512_sub_epi32(_mm512_loadu_si512(first + x), _mm512_set1_epi32(first[x]));
    const float* near = p + first[x];
    const __m512 a = _mm512_permutex2var_ps(_mm512_loadu_ps(near), at, _mm512_loadu_ps(near + 16));
    const __m512 b = _mm512_permutex2var_ps(_mm512_loadu_ps(near + 1), at, _mm512_loadu_ps(near + 17));
    const __m512 step = _mm512_mul_ps(_mm512_sub_ps(b, a), _mm512_loadu_ps(fraction + x));
    _mm512_storeu_ps(dst + x, _mm512_add_ps(a, step));
  }
#endif
#ifdef __AVX2__
  // Enlarging, eight columns look at no more than nine neighbours: two loads and a permutation each instead of gathers.
  for (; x + 8 <= job.width && first[x] + 9 <= job.src_width && first[x + 7] - first[x] < 8; x += 8) {
    const __m256i at =
        _mm256_sub_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(first + x)), _mm256_set1_epi32(first[x]));
    const __m256 a = _mm256_permutevar8x32_ps(_mm256_loadu_ps(p + first[x]), at);
    const __m256 b = _mm256_permutevar8x32_ps(_mm256_loadu_ps(p + first[x] + 1), at);
    const __m256 step = _mm256_mul_ps(_mm256_sub_ps(b, a), _mm256_loadu_ps(fraction + x));
    _mm256_storeu_ps(dst + x, _mm256_add_ps(a, step));
  }
  const auto fetch = [&](std::int32_t sample) {
    _mm_prefetch(reinterpret_cast<const char*>(ahead + sample), _MM_HINT_T0);
  };
  // Shrinking to half exactly, at every second of sixteen.
  const __m256i even = _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14);
  for (; x + 8 <= job.width && first[x] + 16 <= job.src_width; x += 8) {
    const __m256i at = _mm256_add_epi32(_mm256_set1_epi32(first[x]), even);
    const __m256i wanted = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first + x));
    if (_mm256_movemask_epi8(_mm256_cmpeq_epi32(at, wanted)) != -1) break;
    fetch(first[x]);
    const __m256 near = _mm256_loadu_ps(p + first[x]);
    const __m256 far = _mm256_loadu_ps(p + first[x] + 8);
    const auto straight = [](__m256 pairs) {  // shuffling works within lanes
      return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(pairs), 0xd8));
    };
    const __m256 a = straight(_mm256_shuffle_ps(near, far, 0x88));
    const __m256 b = straight(_mm256_shuffle_ps(near, far, 0xdd));
    const __m256 step = _mm256_mul_ps(_mm256_sub_ps(b, a), _mm256_loadu_ps(fraction + x));
    _mm256_storeu_ps(dst + x, _mm256_add_ps(a, step));
  }
  // To no less than half, at seventeen.
  for (; x + 8 <= job.width && first[x] + 17 <= job.src_width && first[x + 7] - first[x] < 16; x += 8) {
    fetch(first[x]);
    const __m256i at =
        _mm256_sub_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(first + x)), _mm256_set1_epi32(first[x]));
    const __m256 beyond = _mm256_castsi256_ps(_mm256_cmpgt_epi32(at, _mm256_set1_epi32(7)));
    const auto pick = [&](const float* near) {  // a permutation looks at the index's low three bits
      return _mm256_blendv_ps(_mm256_permutevar8x32_ps(_mm256_loadu_ps(near), at),
                              _mm256_permutevar8x32_ps(_mm256_loadu_ps(near + 8), at), beyond);
    };
    const __m256 a = pick(p + first[x]);
    const __m256 step = _mm256_mul_ps(_mm256_sub_ps(pick(p + first[x] + 1), a), _mm256_loadu_ps(fraction + x));
    _mm256_storeu_ps(dst + x, _mm256_add_ps(a, step));
  }
  for (; x + 8 <= job.width && first[x + 7] + 2 <= job.src_width; x += 8) {
    // Both neighbours of a column at once, in 64 bits: as many loads as columns, where two gathers are twice that.
    const auto one = [&](std::int32_t i) {
      return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + first[x + i]));
    };
    const auto two = [&](std::int32_t i) { return _mm_unpacklo_epi64(one(i), one(i + 1)); };
    const auto four = [&](std::int32_t i) {
      return _mm256_castsi256_ps(_mm256_inserti128_si256(_mm256_castsi128_si256(two(i)), two(i + 4), 1));
    };
    const __m256 even = four(0);  // columns 0 1 4 5
    const __m256 odd = four(2);   // 2 3 6 7
    const __m256 a = _mm256_shuffle_ps(even, odd, 0x88);
    const __m256 step =
        _mm256_mul_ps(_mm256_sub_ps(_mm256_shuffle_ps(even, odd, 0xdd), a), _mm256_loadu_ps(fraction + x));
    _mm256_storeu_ps(dst + x, _mm256_add_ps(a, step));
  }
#endif
  for (; x < job.width; ++x) {
    const float a = p[first[x]];
    const float b = p[first[x] + 1 < job.src_width ? first[x] + 1 : first[x]];
    dst[x] = a + (b - a) * fraction[x];
  }
}

inline void mask_columns(const ResizeMask& job, std::int32_t row, float* dst) {
  const float* p = job.src + static_cast<std::ptrdiff_t>(row) * job.src_width;
  const MaskAxis& axis = job.columns;
  if (axis.taps == 1) {
    for (std::int32_t x = 0; x < job.width; ++x) dst[x] = p[axis.first[x]];
  } else if (axis.taps == 2) {
    mask_columns_bilinear(job, p, row + 1 < job.src_height ? p + job.src_width : p, dst);
  } else {
    for (std::int32_t x = 0; x < job.width; ++x) {
      const float* weights = axis.weights + static_cast<std::ptrdiff_t>(x) * axis.taps;
      const float* q = p + axis.first[x];
      float sum = weights[0] * q[0];
      for (std::int32_t t = 1; t < axis.count[x]; ++t) sum = sum + weights[t] * q[t];
      dst[x] = sum;
    }
  }
}

// lo, gain and clamp; a comparison with NaN is false, so that NaN gives 0.
inline float mask_level(float v, float lo, float gain, float top) {
  float q = (v - lo) * gain;
  q = q > 0.0f ? q : 0.0f;
  return q < top ? q : top;
}

#ifdef __AVX2__
// The 8-bit levels of eight columns in 32-bit lanes, as mask_quantise makes them.
class MaskLevels8 {
 public:
  MaskLevels8(const ResizeMask& job, float top)
      : lo_(_mm256_set1_ps(job.lo)),
        gain_(_mm256_set1_ps(job.gain)),
        top_(_mm256_set1_ps(top)),
        half_(_mm256_set1_ps(job.nearest ? 0.5f : 0.0f)) {}

  __m256i operator()(__m256 v) const {
    const __m256 q = _mm256_mul_ps(_mm256_sub_ps(v, lo_), gain_);
    const __m256 level = _mm256_min_ps(_mm256_max_ps(q, _mm256_setzero_ps()), top_);  // NaN: the second operand, 0
    return _mm256_cvttps_epi32(_mm256_add_ps(level, half_));
  }

 private:
  __m256 lo_, gain_, top_, half_;
};
#endif

// Columns [begin, end) to dst.
template <typename T, typename Value>
inline void mask_quantise(const ResizeMask& job, float top, std::int32_t begin, std::int32_t end, T* __restrict dst,
                          Value value) {
  const float lo = job.lo;
  const float gain = job.gain;
  const float half = job.nearest ? 0.5f : 0.0f;
  for (std::int32_t i = 0; i < end - begin; ++i) {
    dst[i] = static_cast<T>(static_cast<std::int32_t>(mask_level(value(begin + i), lo, gain, top) + half));
  }
}

template <typename Value>
inline void mask_store(const ResizeMask& job, std::int32_t y, Value value) {
  char* row = static_cast<char*>(job.dst) + y * job.dst_stride;
  if (job.type == MaskType::u8) {
    mask_quantise(job, 255.0f, 0, job.width, reinterpret_cast<std::uint8_t*>(row), value);
  } else if (job.type == MaskType::u16) {
    mask_quantise(job, 65535.0f, 0, job.width, reinterpret_cast<std::uint16_t*>(row), value);
  } else {
    float* __restrict dst = reinterpret_cast<float*>(row);
    const float lo = job.lo;
    const float gain = job.gain;
    for (std::int32_t x = 0; x < job.width; ++x) dst[x] = mask_level(value(x), lo, gain, 1.0f);
  }
}

// A finished row as a function of the column; eight(x) gives columns x to x + 7.
struct MaskRow {
  const float* values;
  float operator()(std::int32_t x) const { return values[x]; }
#ifdef __AVX2__
  __m256 eight(std::int32_t x) const { return _mm256_loadu_ps(values + x); }
#endif
};

struct MixedMaskRow {
  const float* a;
  const float* b;
  float fraction;
  float operator()(std::int32_t x) const { return a[x] + (b[x] - a[x]) * fraction; }
#ifdef __AVX2__
  __m256 eight(std::int32_t x) const {
    const __m256 upper = _mm256_loadu_ps(a + x);
    const __m256 step = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(b + x), upper), _mm256_set1_ps(fraction));
    return _mm256_add_ps(upper, step);
  }
#endif
};

// Hands row y, as a function of x, to `sink`.
template <typename Sink>
inline void mask_row(const ResizeMask& job, std::int32_t y, const float* const* rows, float* sum, Sink sink) {
  const MaskAxis& axis = job.rows;
  const float* __restrict a = rows[0];
  if (axis.taps == 1) {
    sink(y, MaskRow{a});
  } else if (axis.taps == 2) {
    sink(y, MixedMaskRow{a, rows[1], axis.weights[y]});
  } else {
    const float* weights = axis.weights + static_cast<std::ptrdiff_t>(y) * axis.taps;
    for (std::int32_t x = 0; x < job.width; ++x) sum[x] = weights[0] * a[x];
    for (std::int32_t t = 1; t < axis.count[y]; ++t) {
      const float* __restrict b = rows[t];
      const float w = weights[t];
      for (std::int32_t x = 0; x < job.width; ++x) sum[x] = sum[x] + w * b[x];
    }
    sink(y, MaskRow{sum});
  }
}

// Scratch: `taps` ring rows and one row of sums, then the ring's bookkeeping.
template <typename Sink>
inline void mask_rows(const ResizeMask& job, std::int32_t row_begin, std::int32_t row_end, void* scratch, Sink sink) {
  const std::int32_t taps = job.rows.taps;
  const std::ptrdiff_t width = (job.width + 15) & ~15;
  float* ring = static_cast<float*>(scratch);
  float* sum = ring + taps * width;
  const float** rows = reinterpret_cast<const float**>(sum + width);
  std::int32_t* held = reinterpret_cast<std::int32_t*>(rows + taps);
  for (std::int32_t t = 0; t < taps; ++t) held[t] = -1;
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    const std::int32_t count = taps > 2 ? job.rows.count[y] : taps;
    for (std::int32_t t = 0; t < count; ++t) {
      const std::int32_t wanted = job.rows.first[y] + t;
      const std::int32_t row = wanted < job.src_height ? wanted : job.src_height - 1;
      const std::int32_t slot = row % taps;
      if (held[slot] != row) {
        mask_columns(job, row, ring + slot * width);
        held[slot] = row;
      }
      rows[t] = ring + slot * width;
    }
    mask_row(job, y, rows, sum, sink);
  }
}

void resize_mask(const ResizeMask& job, std::int32_t row_begin, std::int32_t row_end, void* scratch) {
  mask_rows(job, row_begin, row_end, scratch, [&](std::int32_t y, auto value) { mask_store(job, y, value); });
}

MinMax resize_range(const ResizeMask& job, std::int32_t row_begin, std::int32_t row_end, void* scratch) {
  constexpr std::int32_t kChunk = 256;
  MinMax range{kInfinity, -kInfinity};
  mask_rows(job, row_begin, row_end, scratch, [&](std::int32_t, auto value) {
    float chunk[kChunk];
    for (std::int32_t x = 0; x < job.width; x += kChunk) {
      const std::int32_t n = job.width - x < kChunk ? job.width - x : kChunk;
      for (std::int32_t i = 0; i < n; ++i) chunk[i] = value(x + i);
      const MinMax part = minmax(chunk, static_cast<std::size_t>(n));
      range.lo = part.lo < range.lo ? part.lo : range.lo;
      range.hi = part.hi > range.hi ? part.hi : range.hi;
    }
  });
  return range;
}

}  // namespace
