// The tiers of the network's kernels.
#pragma once

#include <string>
#include <vector>

#include "net/kernels.hpp"

namespace rmbg::net {

struct Tier {
  const Kernels* kernels;
  bool runs_here;
};

// Slowest first; the first is the reference, for tests: ONNX Runtime's own convolution is faster than it.
std::vector<Tier> tiers();

// The fastest tier that runs here, or null: then ONNX Runtime runs the network. RMBG_FAST_CONV names another tier than
// the fastest, or "off"; RMBG_FAST_TIER holds here too, as the fastest that is allowed. Throws Error(option): no such
// tier here.
const Kernels* chosen();

// By name, the reference too. Throws Error(option).
const Kernels& find(const std::string& name);

}  // namespace rmbg::net
