#include "pipeline/mask_range.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"

namespace rmbg {
namespace {

// row(at, count) sees to `count` values from `at` on. From the last row to the first: whoever resizes the mask next
// begins at the top, which the caches then hold.
template <typename Row>
MaskRange range_by_rows(const Mask& mask, int threads, const Row& row) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  MaskRange range{std::vector<kernels::MinMax>(static_cast<std::size_t>(mask.height)), {kInfinity, -kInfinity}};
  parallel_rows(threads, mask.height, [&](std::int32_t begin, std::int32_t end) {
    for (std::int32_t y = end - 1; y >= begin; --y) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(y) * mask.width;
      range.rows[static_cast<std::size_t>(y)] = row(at, static_cast<std::size_t>(mask.width));
    }
  });
  for (const kernels::MinMax& one : range.rows) {
    range.whole = {std::min(range.whole.lo, one.lo), std::max(range.whole.hi, one.hi)};
  }
  return range;
}

}  // namespace

MaskRange range_of(const Mask& mask, int threads) {
  const auto minmax = kernels::active().minmax;
  return range_by_rows(mask, threads,
                       [&](std::ptrdiff_t at, std::size_t count) { return minmax(mask.data + at, count); });
}

MaskRange write_sigmoid(const Mask& mask, float* dst, int threads) {
  const auto sigmoid = kernels::active().sigmoid;
  return range_by_rows(mask, threads,
                       [&](std::ptrdiff_t at, std::size_t count) { return sigmoid(mask.data + at, count, dst + at); });
}

}  // namespace rmbg
