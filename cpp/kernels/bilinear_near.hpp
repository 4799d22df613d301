// resize_bilinear with AVX2 where the columns' weights are 128ths, as for widths that are multiples of 16 and 1024 columns
// out: a row on its way is Q7 words, as the antialiased resize has them, which then mixes and writes it.
#pragma once

#include <cstring>

#include "kernels/rows.hpp"
#include "kernels/triangle_columns_first.hpp"
#include "kernels/triangle_write.hpp"

#if RMBG_FAST_ONLY_AVX2

namespace {

// Sixteen output pixels: where they read, and 8-bit weights. Two neighbours share a load of 16 bytes, each colour of
// theirs four of its bytes: two taps of the one, two of the other.
struct alignas(32) PlannedPairs {
  std::int8_t order[4][32];    // of those bytes, from the pair's first one; pairs 0 2, 1 3, 4 6, 5 7
  std::int8_t weights[4][32];  // of which 128 are 1
  std::int32_t begin[8];       // where the pairs read, in bytes from the row's first
};
static_assert(sizeof(PlannedPairs) <= 16 * kPlannedColumnBytes);

class BilinearNear {
 public:
  // In scratch: two rows of words, and the plan.
  BilinearNear(const ResizeBilinear& job, void* scratch)
      : job_(job),
        plane_(padded_width(job.out.width)),
        plan_(static_cast<PlannedPairs*>(scratch)),
        words_(reinterpret_cast<std::int16_t*>(plan_ + plane_ / 16)) {
    fits_ = weights_fit() && planned();
  }

  // Whether the job is of this kind.
  bool fits() const { return fits_; }

  // Writes output row y.
  void row(std::int32_t y) {
    const std::int32_t first = job_.rows.first[y];
    const std::int32_t second = job_.rows.weight[y] * (kOne / job_.rows.denominator);
    const std::int16_t* upper = words(first);
    const std::int16_t* rows[2] = {upper, second ? words(first + 1) : upper};
    const __m256i weights = _mm256_set1_epi32(second << 16 | (kOne - second));
    triangle_write(job_, y, nullptr, [&](std::int32_t plane, std::int32_t x) {
      return triangle_mix<1>(rows, &weights, plane * plane_ + x);
    });
  }

 private:
  static constexpr std::int32_t kOne = 16384;  // of the rows' weights
  static constexpr std::int32_t kPairOrder[8] = {0, 2, 1, 3, 4, 6, 5, 7};

  bool weights_fit() const {
    const std::int32_t columns = job_.columns.denominator;
    const std::int32_t rows = job_.rows.denominator;
    if (job_.out.rounding == Rounding::none || job_.src.channels == 1) return false;
    if ((columns & (columns - 1)) != 0 || (rows & (rows - 1)) != 0) return false;
    std::int32_t all = 0;
    for (std::int32_t x = 0; x < job_.out.width; ++x) all |= job_.columns.weight[x];
    return columns <= 128 || all % (columns / 128) == 0;
  }

  // False where a pair reads more than 16 bytes, or the row's end is too long to be copied.
  bool planned() {
    const std::int32_t channels = job_.src.channels;
    const std::int32_t end = job_.src.width * channels;
    const std::int32_t sixteens = static_cast<std::int32_t>(plane_) / 16;
    for (std::int32_t i = 0; i < sixteens; ++i) {
      PlannedPairs& plan = plan_[i];
      for (std::int32_t k = 0; k < 8; ++k) {
        const std::int32_t pair = kPairOrder[k];
        plan.begin[pair] = job_.columns.first[column(16 * i + 2 * pair)] * channels;
        std::int8_t* const order = plan.order[k / 2] + k % 2 * 16;
        std::int8_t* const weights = plan.weights[k / 2] + k % 2 * 16;
        for (std::int32_t pixel = 0; pixel < 2; ++pixel) {
          const std::int32_t x = column(16 * i + 2 * pair + pixel);
          const std::int32_t second = job_.columns.weight[x] * 128 / job_.columns.denominator;
          const std::int32_t from = job_.columns.first[x] * channels - plan.begin[pair];
          const std::int32_t to = second ? from + channels : from;  // the row may end behind the first tap
          if (to + channels > 16) return false;
          for (std::int32_t c = 0; c < 3; ++c) {
            std::int8_t* const at = order + 4 * c + 2 * pixel;
            at[0] = static_cast<std::int8_t>(from + c);
            at[1] = static_cast<std::int8_t>(to + c);
            std::int8_t* const weight = weights + 4 * c + 2 * pixel;
            weight[0] = static_cast<std::int8_t>(second ? 128 - second : 127);  // 128 is no signed byte
            weight[1] = static_cast<std::int8_t>(second ? second : 1);
          }
        }
        std::memset(order + 12, -1, 4);
        std::memset(weights + 12, 0, 4);
      }
    }
    inside_ = sixteens;
    while (inside_ > 0 && plan_[inside_ - 1].begin[7] > end - 16) --inside_;
    return inside_ == sixteens || RowEnd::fits(end - plan_[inside_].begin[0] + 8);
  }

  std::int32_t column(std::int32_t x) const { return x < job_.out.width ? x : job_.out.width - 1; }

  // A source row's words, made only if neither slot holds them. Sixteen at a time in the order that triangle_mix takes.
  const std::int16_t* words(std::int32_t row) {
    const std::int32_t slot = row % 2;
    std::int16_t* const dst = words_ + slot * 3 * plane_;
    if (held_[slot] == row) return dst;
    held_[slot] = row;
    const std::uint8_t* p = job_.src.data + row * job_.src.stride;
    const std::int32_t sixteens = static_cast<std::int32_t>(plane_) / 16;
    for (std::int32_t i = 0; i < inside_; ++i) sixteen(plan_[i], p, dst + 16 * i);
    if (inside_ == sixteens) return dst;
    RowEnd end;
    p = end.copy(p, plan_[inside_].begin[0], std::ptrdiff_t{job_.src.width} * job_.src.channels);
    for (std::int32_t i = inside_; i < sixteens; ++i) sixteen(plan_[i], p, dst + 16 * i);
    return dst;
  }

  void sixteen(const PlannedPairs& plan, const std::uint8_t* p, std::int16_t* dst) const {
    const auto load = [](const std::int8_t* from) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(from)); };
    __m256i pairs[4], planes[3];
    for (int k = 0; k < 4; ++k) {
      const __m256i bytes = two_lanes(p + plan.begin[kPairOrder[2 * k]], p + plan.begin[kPairOrder[2 * k + 1]]);
      pairs[k] = _mm256_maddubs_epi16(_mm256_shuffle_epi8(bytes, load(plan.order[k])), load(plan.weights[k]));
    }
    transpose_rgbx(pairs, planes);
    for (int c = 0; c < 3; ++c) _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + c * plane_), planes[c]);
  }

  const ResizeBilinear& job_;
  const std::ptrdiff_t plane_;
  PlannedPairs* const plan_;
  std::int16_t* const words_;
  std::int32_t inside_ = 0;          // sixteens of columns that read no byte beyond their row
  std::int32_t held_[2] = {-1, -1};  // which source row a slot holds
  bool fits_;
};

}  // namespace

#endif
