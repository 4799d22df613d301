#include "net/dispatch.hpp"

#include <cstdlib>

#include "core/cpu.hpp"
#include "core/error.hpp"

namespace rmbg::net {

extern const Kernels reference_kernels;
#if defined(__aarch64__) || defined(_M_ARM64)
extern const Kernels neon_kernels;
#endif
#if defined(__x86_64__) || defined(_M_X64)
extern const Kernels avx2_kernels;
extern const Kernels avx512_kernels;
#endif
#if defined(__wasm__)
extern const Kernels wasm_kernels;
#endif

std::vector<Tier> tiers() {
  std::vector<Tier> all{{&reference_kernels, true}};
#if defined(__aarch64__) || defined(_M_ARM64)
  all.push_back({&neon_kernels, true});
#endif
#if defined(__x86_64__) || defined(_M_X64)
  all.push_back({&avx2_kernels, cpu_has_avx2() && cpu_has_fma()});
  all.push_back({&avx512_kernels, cpu_has_avx512()});
#endif
#if defined(__wasm__)
  all.push_back({&wasm_kernels, true});
#endif
  return all;
}

const Kernels& find(const std::string& name) {
  std::string offered;
  for (const Tier& tier : tiers()) {
    if (!tier.runs_here) continue;
    if (name == tier.kernels->name) return *tier.kernels;
    offered += std::string(" ") + tier.kernels->name;
  }
  fail(ErrorKind::option, "no convolution tier '" + name + "' runs here; there are:" + offered);
}

const Kernels* chosen() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  const std::string conv = variable("RMBG_FAST_CONV");
  if (conv == "off") return nullptr;
  if (!conv.empty() && conv != "auto" && conv != "on") return &find(conv);
  const std::string most = variable("RMBG_FAST_TIER");
  if (most == "reference" || most == "baseline") return nullptr;
  const Kernels* fastest = nullptr;
  for (const Tier& tier : tiers()) {
    if (!tier.runs_here || tier.kernels == &reference_kernels) continue;
    fastest = tier.kernels;
    if (most == tier.kernels->name) break;
  }
  return fastest;
}

}  // namespace rmbg::net
