// Eight output pixels of a row at once, where all that they read lies in 64 or 128 bytes (AVX-512 VBMI and VNNI): a
// permutation of bytes brings two taps of a colour into the two words of a lane, which are multiplied and added.
#pragma once

#include "kernels/rows.hpp"

#ifdef __AVX512F__

namespace {

struct alignas(64) PlannedPixels {
  std::int32_t taps[8];        // the first tap, in bytes from `begin`, in both words
  std::int32_t weights[4][8];  // two words each: of taps 0 and 1, 2 and 3, 4 and 5, and zeros
  std::ptrdiff_t begin;        // bytes into the row
  std::uint64_t inside[2];     // which of the 128 bytes from `begin` on belong to the row
};
static_assert(sizeof(PlannedPixels) == 8 * kPlannedColumnBytes);

// Plans padded_width(width) columns of an axis with up to `taps` taps; weights(x, pair) is a PlannedPixels::weights.
// Gives how many loads of 64 bytes eight columns take, 1 or 2; 0 where that would not be enough, and the plan is
// unfinished.
template <typename Weights>
inline int plan_pixels(const Picture8& src, const std::int32_t* first, std::int32_t taps, std::int32_t width,
                       Weights weights, PlannedPixels* plan) {
  const std::int32_t channels = src.channels;
  int loads = 1;
  for (std::int32_t x = 0; x < padded_width(width); x += 8, ++plan) {
    const auto column = [&](std::int32_t i) { return x + i < width ? x + i : width - 1; };
    const std::int32_t begin = first[column(0)];
    const std::int32_t span = (first[column(7)] - begin + taps) * channels;
    if (span > 128) return 0;
    if (span > 64) loads = 2;
    for (std::int32_t i = 0; i < 8; ++i) {
      plan->taps[i] = (first[column(i)] - begin) * channels * 0x10001;
      for (std::int32_t pair = 0; pair < 4; ++pair) plan->weights[pair][i] = weights(column(i), pair);
    }
    plan->begin = static_cast<std::ptrdiff_t>(begin) * channels;
    for (std::int32_t load = 0; load < 2; ++load) {
      const std::int32_t left = (src.width - begin) * channels - 64 * load;
      plan->inside[load] = left >= 64 ? ~std::uint64_t{0} : left > 0 ? (std::uint64_t{1} << left) - 1 : 0;
    }
  }
  return loads;
}

struct GatheredSums {
  __m512i red_green;  // 8 reds, 8 greens
  __m512i blue;       // 8 blues of the even pairs of taps, 8 of the odd ones: still to be added
};

// The sums of eight pixels, each of kPairs pairs of taps. A grey row is red, green and blue.
template <int kPairs, int kLoads>
class Gather {
 public:
  Gather(std::int32_t channels, std::int32_t start)
      : start_(_mm512_set1_epi32(start)), start_once_(_mm512_inserti64x4(start_, _mm256_setzero_si256(), 1)) {
    const std::int32_t colour = channels > 1 ? 0x10001 : 0;
    const std::int32_t next = 2 * channels * 0x10001;  // from a pair of taps to the next
    const __m512i upper = _mm512_maskz_set1_epi32(0xff00, 1);
    const __m512i taps = _mm512_set1_epi32(channels << 16);
    const __m512i green = _mm512_mullo_epi32(upper, _mm512_set1_epi32(colour));
    const __m512i odd = _mm512_mullo_epi32(upper, _mm512_set1_epi32(next));
    for (int pair = 0; pair < kPairs; ++pair) {
      const __m512i at = _mm512_add_epi32(taps, _mm512_set1_epi32(pair * next));
      red_green_[pair] = _mm512_add_epi32(at, green);
      if (pair % 2 == 0) blue_[pair / 2] = _mm512_add_epi32(_mm512_add_epi32(at, _mm512_set1_epi32(2 * colour)), odd);
    }
  }

  GatheredSums sums(const PlannedPixels& at, const std::uint8_t* row) const {
    const Bytes bytes(at, row);
    const __m512i taps = twice(at.taps);
    GatheredSums to{start_, start_once_};
    for (int pair = 0; pair < kPairs; ++pair) {
      const __m512i both = words(bytes, _mm512_add_epi32(taps, red_green_[pair]));
      to.red_green = _mm512_dpwssd_epi32(to.red_green, both, twice(at.weights[pair]));
    }
    for (int pair = 0; pair < kPairs; pair += 2) {
      const __m512i blues = words(bytes, _mm512_add_epi32(taps, blue_[pair / 2]));
      to.blue = _mm512_dpwssd_epi32(to.blue, blues, _mm512_loadu_si512(at.weights[pair]));
    }
    return to;
  }

  // The sixteen blues of two neighbours.
  static __m512i blues(const GatheredSums& a, const GatheredSums& b) {
    const __m512i even = _mm512_shuffle_i64x2(a.blue, b.blue, 0x44);
    if constexpr (kPairs == 1) return even;
    return _mm512_add_epi32(even, _mm512_shuffle_i64x2(a.blue, b.blue, 0xee));
  }

 private:
  struct Bytes {
    Bytes(const PlannedPixels& at, const std::uint8_t* row) {
      for (int i = 0; i < kLoads; ++i) load[i] = _mm512_maskz_loadu_epi8(at.inside[i], row + at.begin + 64 * i);
    }
    __m512i load[kLoads];
  };

  static __m512i twice(const std::int32_t* eight) {
    return _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(eight)));
  }
  static __m512i words(const Bytes& bytes, __m512i at) {
    constexpr __mmask64 low = 0x5555555555555555;
    if constexpr (kLoads == 1) return _mm512_maskz_permutexvar_epi8(low, at, bytes.load[0]);
    return _mm512_maskz_permutex2var_epi8(low, bytes.load[0], at, bytes.load[kLoads - 1]);
  }

  __m512i start_;
  __m512i start_once_;
  __m512i red_green_[kPairs];
  __m512i blue_[(kPairs + 1) / 2];
};

}  // namespace

#endif
