// Which tier runs. Chosen once from the CPU (or RMBG_FAST_TIER), may be forced in process.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernels.hpp"

namespace rmbg::kernels {

struct Tier {
  const KernelTable* table;
  bool runs_here;
};

// Every tier of this build, from the plainest to the fastest.
std::vector<Tier> tiers();
const KernelTable& active();
// Throws Error(option) for a name that this build does not have or this CPU cannot run. "auto" goes back to the
// fastest.
void set_active(const std::string& name);

}  // namespace rmbg::kernels
