// The columns of resize_triangle where up to kTriangleFewTaps taps make one, with AVX2: four taps of a colour lie in a
// 32-bit lane before anything is multiplied, so that weights are loaded as they are multiplied.
#pragma once

#include <cstring>

#include "kernels/rows.hpp"

#if RMBG_FAST_ONLY_AVX2

namespace {

inline __m256i to_q7(__m256i sum) { return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(64)), 7); }

// Eight output pixels: where they read, and the weights of each as pairs of words.
struct alignas(32) PlannedTaps {
  std::int32_t begin[8];        // of the first tap, in bytes from the row's first
  std::int16_t weights[3][16];  // of taps 0 and 2, 1 and 3, 4 and 5
  std::int8_t order[32];        // of a grey row: where the first four taps of each lie, from those of pixel 0 and of 4
};
static_assert(sizeof(PlannedTaps) <= 8 * kPlannedColumnBytes);

// Rows of Q7 words, sixteen at a time as packing within lanes leaves them: columns 0 to 3, 8 to 11, 4 to 7, 12 to 15.
// Unpacked within lanes, they are in order again.
class TriangleFewTaps {
 public:
  // The plan has room for padded_width(width) columns, `end` for the words of a row.
  TriangleFewTaps(const ResizeTriangle& job, PlannedTaps* plan, std::int16_t* end)
      : job_(job), plan_(plan), end_(reinterpret_cast<std::uint8_t*>(end)), pairs_(job.columns.stride / 2) {
    const std::int32_t width = job.out.width;
    for (std::int32_t x = 0; x < padded_width(width); x += 8, ++plan) {
      for (std::int32_t i = 0; i < 8; ++i) {
        const std::int32_t column = x + i < width ? x + i : width - 1;
        plan->begin[i] = job.columns.first[column] * job.src.channels;
        std::int16_t weights[6] = {};
        const std::int16_t* from = job.columns.weights + static_cast<std::ptrdiff_t>(column) * job.columns.stride;
        std::memcpy(weights, from, sizeof(*from) * static_cast<std::size_t>(job.columns.stride));
        constexpr int kOrder[3][2] = {{0, 2}, {1, 3}, {4, 5}};
        for (int pair = 0; pair < 3; ++pair) {
          for (int tap = 0; tap < 2; ++tap) plan->weights[pair][2 * i + tap] = weights[kOrder[pair][tap]];
        }
      }
      for (int i = 0; i < 32; ++i) {
        const std::int32_t from = plan->begin[i / 4] - plan->begin[i / 16 * 4];
        plan->order[i] = static_cast<std::int8_t>(from + i % 4);
      }
    }
    const std::int32_t reach = 16 + (pairs_ > 2 && job.src.channels > 1 ? 4 * job.src.channels : 0);
    const std::int32_t last = job.src.width * job.src.channels - reach;  // byte that a pixel may begin at
    inside_ = padded_width(width) / 16;
    while (inside_ > 0 && plan_[2 * inside_ - 1].begin[7] > last) --inside_;
  }

  // dst: planes of padded_width words.
  void row(std::int32_t row, std::int16_t* dst) const {
    constexpr void (TriangleFewTaps::* kRows[3][2])(const std::uint8_t*, std::int16_t*)
        const = {{&TriangleFewTaps::row_of<1, false>, &TriangleFewTaps::row_of<1, true>},
                 {&TriangleFewTaps::row_of<3, false>, &TriangleFewTaps::row_of<3, true>},
                 {&TriangleFewTaps::row_of<4, false>, &TriangleFewTaps::row_of<4, true>}};
    const int channels = job_.src.channels == 1 ? 0 : job_.src.channels - 2;
    (this->*kRows[channels][pairs_ > 2])(job_.src.data + row * job_.src.stride, dst);
  }

 private:
  template <int kChannels, bool kThirdPair>
  void row_of(const std::uint8_t* p, std::int16_t* dst) const {
    const std::int32_t sixteens = padded_width(job_.out.width) / 16;
    for (std::int32_t i = 0; i < inside_; ++i) sixteen<kChannels, kThirdPair>(plan_ + 2 * i, p, dst + 16 * i);
    if (inside_ == sixteens) return;
    const std::int32_t from = plan_[2 * inside_].begin[0];
    std::memcpy(end_, p + from, static_cast<std::size_t>(job_.src.width * kChannels - from));
    p = row_of_byte<const std::uint8_t>(end_, from);
    for (std::int32_t i = inside_; i < sixteens; ++i) sixteen<kChannels, kThirdPair>(plan_ + 2 * i, p, dst + 16 * i);
  }

  template <int kChannels, bool kThirdPair>
  void sixteen(const PlannedTaps* plan, const std::uint8_t* p, std::int16_t* dst) const {
    constexpr int kPlanes = kChannels == 1 ? 1 : 3;
    __m256i near[3], far[3];
    eight<kChannels, kThirdPair>(plan[0], p, near);
    eight<kChannels, kThirdPair>(plan[1], p, far);
    const std::ptrdiff_t plane = padded_width(job_.out.width);
    for (int c = 0; c < kPlanes; ++c) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + c * plane), _mm256_packs_epi32(near[c], far[c]));
    }
  }

  template <int kChannels, bool kThirdPair>
  static void eight(const PlannedTaps& plan, const std::uint8_t* p, __m256i q7[3]) {
    constexpr char c = kChannels;
    constexpr char z = -1;
    const auto weights = [&](int pair) {
      return _mm256_load_si256(reinterpret_cast<const __m256i*>(plan.weights[pair]));
    };
    // Bytes a b c d, and words e f, in each lane.
    const auto sum = [&](__m256i four, [[maybe_unused]] __m256i two) {
      const __m256i even = _mm256_and_si256(four, _mm256_set1_epi16(255));
      __m256i all = _mm256_add_epi32(_mm256_madd_epi16(even, weights(0)),
                                     _mm256_madd_epi16(_mm256_srli_epi16(four, 8), weights(1)));
      if constexpr (kThirdPair) all = _mm256_add_epi32(all, _mm256_madd_epi16(two, weights(2)));
      return to_q7(all);
    };
    if constexpr (kChannels == 1) {
      // Of four neighbours all taps lie within 16 bytes: three steps of less than three, and six.
      const __m256i bytes = two_lanes(p + plan.begin[0], p + plan.begin[4]);
      const __m256i order = _mm256_load_si256(reinterpret_cast<const __m256i*>(plan.order));
      const __m256i beyond = _mm256_set1_epi32(static_cast<int>(0x80058004));  // taps 4 and 5, and zeros
      const __m256i first = _mm256_and_si256(order, _mm256_set1_epi32(255));
      const __m256i twice = _mm256_or_si256(first, _mm256_slli_epi32(first, 16));
      q7[0] = sum(_mm256_shuffle_epi8(bytes, order), _mm256_shuffle_epi8(bytes, _mm256_add_epi32(twice, beyond)));
    } else {
      const __m256i fours = _mm256_broadcastsi128_si256(_mm_setr_epi8(
          0, c, 2 * c, 3 * c, 1, c + 1, 2 * c + 1, 3 * c + 1, 2, c + 2, 2 * c + 2, 3 * c + 2, z, z, z, z));
      const __m256i twos =
          _mm256_broadcastsi128_si256(_mm_setr_epi8(0, z, c, z, 1, z, c + 1, z, 2, z, c + 2, z, z, z, z, z));
      __m256i near[4], far[4], four[3], two[3];
      for (int k = 0; k < 4; ++k) {
        const std::uint8_t* low = p + plan.begin[k];
        const std::uint8_t* high = p + plan.begin[k + 4];
        near[k] = _mm256_shuffle_epi8(two_lanes(low, high), fours);
        if constexpr (kThirdPair) far[k] = _mm256_shuffle_epi8(two_lanes(low + 4 * c, high + 4 * c), twos);
      }
      transpose_rgbx(near, four);
      if constexpr (kThirdPair) transpose_rgbx(far, two);
      for (int i = 0; i < 3; ++i) q7[i] = sum(four[i], kThirdPair ? two[i] : four[i]);
    }
  }

  const ResizeTriangle& job_;
  PlannedTaps* plan_;
  std::uint8_t* end_;    // of a row, copied
  std::int32_t pairs_;   // of taps
  std::int32_t inside_;  // sixteens of columns that read no byte beyond their row
};

}  // namespace

#endif
