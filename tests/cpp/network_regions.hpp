// Where a kernel of the network may write, and the check that it writes there alone, the same in all tiers.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "network_support.hpp"

namespace rmbg::net {

// Where a kernel may write: rows x columns pixels of `lanes` floats each, all again for each of `planes`.
struct Region {
  std::ptrdiff_t planes, plane, rows, row, columns, column, lanes;

  std::ptrdiff_t size() const { return (planes - 1) * plane + (rows - 1) * row + (columns - 1) * column + lanes; }
  void mark(std::vector<bool>& all) const {
    for (std::ptrdiff_t p = 0; p < planes; ++p) {
      for (std::ptrdiff_t y = 0; y < rows; ++y) {
        for (std::ptrdiff_t x = 0; x < columns; ++x) {
          for (std::ptrdiff_t i = 0; i < lanes; ++i) all[std::size_t(p * plane + y * row + x * column + i)] = true;
        }
      }
    }
  }
  std::vector<bool> mask() const {
    std::vector<bool> all(std::size_t(size()), false);
    mark(all);
    return all;
  }
};

inline Region line(std::ptrdiff_t count, std::ptrdiff_t lanes) { return {1, 0, 1, 0, count, lanes, lanes}; }

using Call = std::function<void(const Kernels&, float* out)>;

// What the output holds before is random; floats around it and between its pixels must keep that.
inline void compare_kernel(Random& random, const std::string& job, const std::vector<bool>& mask, const Call& call) {
  constexpr std::size_t guard = 48;
  const Floats before = random.floats(std::ptrdiff_t(mask.size() + 2 * guard));
  Floats expected = before;
  call(reference(), expected.data() + guard);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const bool may_change = i >= guard && i - guard < mask.size() && mask[i - guard];
    if (!may_change && !same(expected[i], before[i]))
      fail(job, text("reference writes", {{"at", double(i) - double(guard)}}));
  }
  for (const Kernels* tier : tiers_here()) {
    Floats got = before;
    call(*tier, got.data() + guard);
    expect_same(tier->name + (", " + job), got, expected);
  }
}

inline void compare_kernel(Random& random, const std::string& job, const Region& region, const Call& call) {
  compare_kernel(random, job, region.mask(), call);
}

// Mostly ordinary numbers, with a share of those that comparisons and blends may trip over.
inline Floats odd_floats(Random& random, std::ptrdiff_t count) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  Floats all = random.floats(count);
  const int odd = random.pick({5, 100, 1 << 20});
  for (float& value : all) {
    if (random.one_in(odd))
      value = random.pick({inf, -inf, std::numeric_limits<float>::quiet_NaN(), 0.0f, -0.0f, 1e-41f, 3e38f});
  }
  return all;
}

}  // namespace rmbg::net
