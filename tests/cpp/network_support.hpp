// What the parts of check_network share: random numbers, the tiers, and how a mismatch ends the run.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "checking.hpp"
#include "net/dispatch.hpp"

namespace rmbg::net {

using checking::text;
using Floats = std::vector<float>;  // made with its size: to the byte, so that the address sanitizer sees reads beyond

class Random : public checking::Random {
 public:
  using checking::Random::Random;
  float real() { return checking::Random::real(-1.0f, 1.0f); }

  Floats floats(std::ptrdiff_t count, float reach = 1.0f) {
    Floats all(static_cast<std::size_t>(count));
    for (float& value : all) value = reach * real();
    return all;
  }

  Clamp clamp() {
    constexpr float inf = std::numeric_limits<float>::infinity();
    return pick({Clamp{}, Clamp{}, Clamp{0.0f, inf}, Clamp{0.0f, 0.7f}, Clamp{-0.5f, 0.5f}, Clamp{-inf, 0.6f}});
  }
};

inline std::uint32_t current_seed = 0;  // of the round under way

[[noreturn]] inline void fail(const std::string& where, const std::string& what) {
  checking::fail(where, what + " (seed " + std::to_string(current_seed) + ")");
}

// Not-a-numbers are equal: which of two an addition passes on, the compiler decides.
inline bool same(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b); }

inline void expect_same(const std::string& where, const Floats& got, const Floats& expected) {
  if (got.size() != expected.size()) fail(where, "another size");
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (same(got[i], expected[i])) continue;
    fail(where,
         text("difference", {{"at", double(i)}, {"of", double(got.size())}, {"is", got[i]}, {"not", expected[i]}}));
  }
}

inline const Kernels& reference() { return find("reference"); }

inline std::vector<const Kernels*> tiers_here() {  // the reference too
  std::vector<const Kernels*> here;
  for (const Tier& tier : tiers()) {
    if (tier.runs_here) here.push_back(tier.kernels);
  }
  return here;
}

}  // namespace rmbg::net
