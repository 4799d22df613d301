// Compares every tier that runs here with the reference, bit for bit, on random jobs.
//   check_kernels [ROUNDS | SECONDSs] [SEED]      e.g. check_kernels 300, check_kernels 20s 7
// Inputs and scratch are allocated to the byte, so that an address-sanitized build also sees reads beyond them.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "checking.hpp"
#include "core/half.hpp"
#include "mask_kernels.hpp"
#include "picture_kernels.hpp"

namespace {

// Every binary16 value becomes the float that the format says, and comes back; NaN stays NaN.
void check_half() {
  for (std::uint32_t half = 0; half < 0x10000; ++half) {
    const float value = half_to_float(static_cast<std::uint16_t>(half));
    const int exponent = static_cast<int>(half >> 10 & 31);
    const double mantissa = half & 1023;
    const double size = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    const bool holds = exponent < 31 ? std::fabs(value) == size : mantissa == 0 ? std::isinf(value) : std::isnan(value);
    const bool back = exponent == 31 && mantissa != 0 ? std::isnan(half_to_float(half_from_float(value)))
                                                      : half_from_float(value) == half;
    if (holds && back && std::signbit(value) == (half >> 15 != 0)) continue;
    fail(kernels::reference_table, text("half", {{"bits", half}}), "another value");
  }
}

}  // namespace

int main(int argc, char** argv) {
  checking::Rounds rounds(argc, argv, "300");
  Random random(rounds.seed);

  Tiers tiers;
  for (const kernels::Tier& tier : kernels::tiers()) {
    if (tier.runs_here && tier.table != &kernels::reference_table) tiers.push_back(tier.table);
  }
  check_half();
  for (; rounds.go_on(); ++rounds.done) {
    check_resizes(random, tiers);
    check_pack(random, tiers);
    check_resize_levels(random, tiers);
    check_minmax(random, tiers);
    check_sigmoid(random, tiers);
    check_resize_mask(random, tiers);
    check_blend(random, tiers);
    check_foreground(random, tiers);
  }
  for (const kernels::Tier& tier : kernels::tiers()) {
    if (tier.table == &kernels::reference_table) continue;
    if (tier.runs_here) {
      std::printf("%s: %d rounds, equal\n", tier.table->name, rounds.done);
    } else {
      std::printf("%s: not run (this CPU lacks it)\n", tier.table->name);
    }
  }
  std::printf("%d passed, 0 failed\n", rounds.done * static_cast<int>(tiers.size()));
  return rounds.done > 0 ? 0 : 1;
}
