#include "core/cpu.hpp"

#if defined(_MSC_VER) && defined(_M_X64)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace rmbg {

bool cpu_has_avx2() {
#if defined(_MSC_VER) && defined(_M_X64)
  int leaf[4];
  __cpuid(leaf, 0);
  if (leaf[0] < 7) return false;
  __cpuid(leaf, 1);
  constexpr int kOsxsave = 1 << 27, kAvx = 1 << 28, kF16c = 1 << 29;
  if ((leaf[2] & (kOsxsave | kAvx | kF16c)) != (kOsxsave | kAvx | kF16c)) return false;
  if ((_xgetbv(0) & 6) != 6) return false;  // XMM and YMM state
  __cpuidex(leaf, 7, 0);
  return (leaf[1] & (1 << 5)) != 0;
#elif defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
#else
  return false;
#endif
}

}  // namespace rmbg
