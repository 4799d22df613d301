// resize_bilinear: each source row is enlarged or shrunk sideways once, kept as float planes (exact integers) while two
// output rows share it, then pairs of such rows are mixed, normalised and written.
#pragma once

#include <cstring>

#include "kernels/bilinear_far.hpp"
#include "kernels/bilinear_near.hpp"
#include "kernels/gather.hpp"
#include "kernels/rows.hpp"

namespace {

struct BilinearRows {
  float* slot[2];
  std::int32_t row[2] = {-1, -1};  // which source row a slot holds
#ifdef __AVX512F__
  PlannedPixels* plan = nullptr;
  int loads = 0;  // of 64 bytes for eight columns; 0: not gathered
#endif
};

#ifdef __AVX512F__
// `ahead` (none: -1) is fetched meanwhile.
template <int kLoads>
inline void bilinear_columns_gathered(const ResizeBilinear& job, std::int32_t row, std::int32_t ahead,
                                      const PlannedPixels* plan, float* dst) {
  const Gather<1, kLoads> gather(job.src.channels, 0);
  const std::uint8_t* p = job.src.data + row * job.src.stride;
  const std::ptrdiff_t plane = padded_width(job.out.width);
  for (std::int32_t x = 0; x < job.out.width; x += 16, plan += 2) {
    const GatheredSums a = gather.sums(plan[0], p);
    const GatheredSums b = gather.sums(plan[1], p);
    if (ahead >= 0) {
      for (int k = 0; k < 2; ++k) {
        const std::uint8_t* next = job.src.data + ahead * job.src.stride + plan[k].begin;
        _mm_prefetch(reinterpret_cast<const char*>(next), _MM_HINT_T0);
        if (kLoads == 2) _mm_prefetch(reinterpret_cast<const char*>(next + 64), _MM_HINT_T0);
      }
    }
    const __m512i red = _mm512_shuffle_i64x2(a.red_green, b.red_green, 0x44);
    _mm512_storeu_ps(dst + x, _mm512_cvtepi32_ps(red));
    if (job.src.channels == 1) continue;
    const __m512i green = _mm512_shuffle_i64x2(a.red_green, b.red_green, 0xee);
    _mm512_storeu_ps(dst + plane + x, _mm512_cvtepi32_ps(green));
    _mm512_storeu_ps(dst + 2 * plane + x, _mm512_cvtepi32_ps(gather.blues(a, b)));
  }
}
#endif

#ifdef __AVX2__
// The two taps of eight columns of a grey row, as words of a lane each. Up to ratios of four and more, what four
// neighbours read lies within 16 bytes.
inline __m256i bilinear_grey_taps8(const std::int32_t* first, const std::uint8_t* p, std::int32_t width) {
  if (first[3] - first[0] <= 14 && first[7] - first[4] <= 14 && first[4] + 16 <= width) {
    const __m256i columns = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first));
    const __m256i from = _mm256_sub_epi32(columns, _mm256_shuffle_epi32(columns, 0x00));
    // bytes d, zero, d + 1, zero for a column that is d bytes from the first of four
    const __m256i order = _mm256_add_epi32(_mm256_or_si256(from, _mm256_slli_epi32(from, 16)),
                                           _mm256_set1_epi32(static_cast<std::int32_t>(0x80018000)));
    return _mm256_shuffle_epi8(two_lanes(p + first[0], p + first[4]), order);
  }
  const auto pair = [&](int i) {
    std::int16_t bytes;
    std::memcpy(&bytes, p + first[i], sizeof(bytes));
    return bytes;
  };
  return _mm256_cvtepu8_epi16(_mm_setr_epi16(pair(0), pair(1), pair(2), pair(3), pair(4), pair(5), pair(6), pair(7)));
}

// Eight output columns of a grey row from x on.
inline void bilinear_grey8(const ResizeBilinear& job, const std::uint8_t* p, std::int32_t x, float* dst) {
  const __m256i taps = bilinear_grey_taps8(job.columns.first + x, p, job.src.width);
  _mm256_storeu_ps(dst + x, _mm256_cvtepi32_ps(_mm256_madd_epi16(taps, bilinear_weights8(job, x))));
}

template <int kChannels>
inline void bilinear_columns8(const ResizeBilinear& job, const std::uint8_t* p, std::int32_t x, float* dst,
                              std::ptrdiff_t plane) {
  __m256i planes[3];
  bilinear_sums8<kChannels>(job.columns.first + x, p, BilinearWeights8(job, x), planes);
  for (int c = 0; c < 3; ++c) _mm256_storeu_ps(dst + c * plane + x, _mm256_cvtepi32_ps(planes[c]));
}
#endif

// Fetches what columns up to x of a row will read, from byte `fetched` on; gives how far it came.
inline std::int32_t bilinear_fetch(const ResizeBilinear& job, const std::uint8_t* row, std::int32_t x,
                                   std::int32_t fetched) {
#ifdef __AVX2__
  const std::int32_t upto = (job.columns.first[x] + 2) * job.src.channels;
  for (; fetched < upto; fetched += 64) _mm_prefetch(reinterpret_cast<const char*>(row + fetched), _MM_HINT_T0);
#else
  (void)job, (void)row, (void)x;
#endif
  return fetched;
}

// With kFetch the row `ahead` is fetched while `row` is computed: where a picture is shrunk far, waiting for memory
// takes more time than the arithmetic (12 megapixels to 1024 x 1024: 7.1 ms without, 3.9 with, where copying the bytes
// takes 3.8).
template <bool kFetch>
inline void bilinear_columns(const ResizeBilinear& job, std::int32_t row, [[maybe_unused]] std::int32_t ahead,
                             float* dst) {
  const std::uint8_t* p = job.src.data + row * job.src.stride;
  const std::int32_t channels = job.src.channels;
  const std::int32_t used = planes_of(job.src);
  const std::ptrdiff_t plane = padded_width(job.out.width);
  std::int32_t x = 0;
#ifdef __AVX2__
  const std::int32_t end = job.src.width * channels;
  const std::int32_t last = end - (channels == 1 ? 2 : 8);  // byte that can be loaded from
  [[maybe_unused]] std::int32_t fetched = 0;
  RowEnd row_end;
  for (bool inside = true; x + 8 <= job.out.width; x += 8) {
    if (inside && job.columns.first[x + 7] * channels > last) {
      const std::int32_t from = job.columns.first[x] * channels;
      if (!RowEnd::fits(end - from)) break;
      p = row_end.copy(p, from, end);
      inside = false;
    }
    if constexpr (kFetch) fetched = bilinear_fetch(job, job.src.data + ahead * job.src.stride, x + 7, fetched);
    if (channels == 1) {
      bilinear_grey8(job, p, x, dst);
    } else if (channels == 3) {
      bilinear_columns8<3>(job, p, x, dst, plane);
    } else {
      bilinear_columns8<4>(job, p, x, dst, plane);
    }
  }
#endif
  for (; x < job.out.width; ++x) {
    const std::int32_t weight = job.columns.weight[x];
    const std::uint8_t* left = p + job.columns.first[x] * channels;
    const std::uint8_t* right = weight ? left + channels : left;
    for (std::int32_t c = 0; c < used; ++c) {
      dst[c * plane + x] = static_cast<float>(left[c] * (job.columns.denominator - weight) + right[c] * weight);
    }
  }
}

// The sideways row of `row`, computed only if neither slot holds it; the slot of `keep` is not given up for it. `ahead`
// (none: -1) is fetched meanwhile.
inline const float* bilinear_row(const ResizeBilinear& job, BilinearRows& rows, std::int32_t row, std::int32_t keep,
                                 std::int32_t ahead) {
  if (rows.row[0] == row) return rows.slot[0];
  if (rows.row[1] == row) return rows.slot[1];
  const int free = rows.row[0] == keep ? 1 : 0;
  rows.row[free] = row;
  float* const slot = rows.slot[free];
#ifdef __AVX512F__
  if (rows.loads != 0) {
    (rows.loads == 1 ? bilinear_columns_gathered<1> : bilinear_columns_gathered<2>)(job, row, ahead, rows.plan, slot);
    return slot;
  }
#endif
  (ahead < 0 ? bilinear_columns<false> : bilinear_columns<true>)(job, row, ahead, slot);
  return slot;
}

inline void bilinear_mix(const ResizeBilinear& job, std::int32_t y, const float* upper, const float* lower) {
  const std::int32_t dx = job.columns.denominator;
  const std::int32_t dy = job.rows.denominator;
  const std::int32_t weight = job.rows.weight[y];
  const float per_column = 1.0f / static_cast<float>(dx);
  const float fraction = static_cast<float>(weight) / static_cast<float>(dy);
  const std::int64_t whole = static_cast<std::int64_t>(dx) * dy;
  const std::int64_t add = job.out.rounding == Rounding::nearest ? whole / 2 : 0;
  // 255 * whole + add < 2^31 and a power of two: the division is a shift of 32-bit integers.
  const bool shifts = whole <= (1 << 22) && (whole & (whole - 1)) == 0;
  int shift = 0;
  while ((std::int64_t{1} << shift) < whole) ++shift;
  int row_shift = 0;
  while ((1 << row_shift) < dy) ++row_shift;
  // Otherwise N < 2^40 is exact in a double, and (N + 1/2) / whole is never so near to an integer that rounding could
  // reach it.
  const double per_whole = 1.0 / static_cast<double>(whole);
  for (std::int32_t c = 0; c < 3; ++c) {
    const std::ptrdiff_t plane = source_plane(job.src, c) * static_cast<std::ptrdiff_t>(padded_width(job.out.width));
    const float* __restrict a = upper + plane;
    const float* __restrict b = lower + plane;
    const float scale = job.out.scale[c];
    const float bias = job.out.bias[c];
    if (job.out.rounding == Rounding::none) {
      const float gain = scale * per_column;
      write_row(job.out, c, y, [=](std::int32_t begin, std::int32_t n, float* __restrict to) {
        for (std::int32_t x = 0; x < n; ++x) {
          const float v = a[begin + x] + (b[begin + x] - a[begin + x]) * fraction;
          to[x] = v * gain + bias;
        }
      });
    } else if (shifts) {
      const std::int32_t half = static_cast<std::int32_t>(add);
      write_row(job.out, c, y, [=](std::int32_t begin, std::int32_t n, float* __restrict to) {
        for (std::int32_t x = 0; x < n; ++x) {
          // a * (dy - weight) + b * weight with one multiplication, the slowest of these operations
          const auto upper_sum = static_cast<std::int32_t>(a[begin + x]);
          const auto step = static_cast<std::int32_t>(b[begin + x] - a[begin + x]);
          const std::int32_t sum = (upper_sum << row_shift) + step * weight + half;
          to[x] = static_cast<float>(sum >> shift) * scale + bias;
        }
      });
    } else {
      const double w0 = dy - weight;
      const double w1 = weight;
      const double half = static_cast<double>(add) + 0.5;
      write_row(job.out, c, y, [=](std::int32_t begin, std::int32_t n, float* __restrict to) {
        for (std::int32_t x = 0; x < n; ++x) {
          const double sum = static_cast<double>(a[begin + x]) * w0 + static_cast<double>(b[begin + x]) * w1 + half;
          to[x] = static_cast<float>(static_cast<std::int32_t>(sum * per_whole)) * scale + bias;
        }
      });
    }
  }
}

void resize_bilinear(const ResizeBilinear& job, std::int32_t row_begin, std::int32_t row_end, void* scratch) {
#if RMBG_FAST_ONLY_AVX2
  if (BilinearFar::fits(job)) {
    const BilinearFar far(job);
    for (std::int32_t y = row_begin; y < row_end; ++y) far.row(y, y + 1 < row_end ? job.rows.first[y + 1] : -1);
    return;
  }
  if (BilinearNear near(job, scratch); near.fits()) {
    for (std::int32_t y = row_begin; y < row_end; ++y) near.row(y);
    return;
  }
#endif
  BilinearRows rows;
  rows.slot[0] = static_cast<float*>(scratch);
  rows.slot[1] = rows.slot[0] + 3 * static_cast<std::ptrdiff_t>(padded_width(job.out.width));
#ifdef __AVX512F__
  rows.plan =
      reinterpret_cast<PlannedPixels*>(rows.slot[1] + 3 * static_cast<std::ptrdiff_t>(padded_width(job.out.width)));
  const auto weights = [&](std::int32_t x, std::int32_t pair) {
    const std::int32_t second = job.columns.weight[x];
    return pair ? 0 : second << 16 | (job.columns.denominator - second);
  };
  rows.loads = plan_pixels(job.src, job.columns.first, 2, job.out.width, weights, rows.plan);
#endif
  const std::int32_t last = job.src.height - 1;
  const bool far = job.src.height >= 2 * job.out.height;  // else the next row is one of these two, or near them
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    const std::int32_t first = job.rows.first[y];
    const std::int32_t second = job.rows.weight[y] ? first + 1 : first;
    const std::int32_t next = far && y + 1 < row_end ? job.rows.first[y + 1] : -1;
    const float* upper = bilinear_row(job, rows, first, second, next);
    const float* lower = bilinear_row(job, rows, second, first, next < 0 || next == last ? -1 : next + 1);
    bilinear_mix(job, y, upper, lower);
  }
}

}  // namespace
