// What is done pixel by pixel: sigmoids, gates, sums over pixels. As network_kernels.hpp.
#pragma once

#include "network_regions.hpp"

namespace rmbg::net {

inline void check_pointwise(Random& random) {
  const int count = random.between(1, 40);
  Floats in = odd_floats(random, std::ptrdiff_t{count} * kBlock);
  if (random.one_in(2)) in = random.floats(std::ptrdiff_t{count} * kBlock, 100.0f);
  const Floats scale = random.floats(kBlock, 2.0f), factors = odd_floats(random, (count - 1) * kBlock + 1);
  compare_kernel(random, text("sigmoid", {{"count", count}}), line(count, kBlock),
                 [&](const Kernels& tier, float* out) { tier.sigmoid(in.data(), scale.data(), out, count); });
  compare_kernel(random, text("gate", {{"count", count}}), line(count, kBlock),
                 [&](const Kernels& tier, float* out) { tier.gate(in.data(), factors.data(), out, count); });
  const std::ptrdiff_t step = kBlock * random.between(1, 3);
  const Floats many = odd_floats(random, (count - 1) * step + kBlock);
  compare_kernel(random, text("sum", {{"count", count}}), line(1, kBlock),
                 [&](const Kernels& tier, float* out) { tier.sum(many.data(), step, count, 0.25f, out); });
}

}  // namespace rmbg::net
