#include "core/cpu.hpp"

#if defined(_MSC_VER) && defined(_M_X64)
#include <immintrin.h>
#include <intrin.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <unistd.h>

#include <cstdio>
#endif

namespace rmbg {
namespace {

#if defined(_MSC_VER) && defined(_M_X64)
// Bits of leaf 1 (ECX) and of leaf 7 (EBX and ECX), and the register states that the system saves.
bool cpu_has(int leaf1_ecx, int leaf7_ebx, unsigned long long states, int leaf7_ecx = 0) {
  int leaf[4];
  __cpuid(leaf, 0);
  if (leaf[0] < 7) return false;
  __cpuid(leaf, 1);
  constexpr int kOsxsave = 1 << 27;
  if ((leaf[2] & (kOsxsave | leaf1_ecx)) != (kOsxsave | leaf1_ecx)) return false;
  if ((_xgetbv(0) & states) != states) return false;
  __cpuidex(leaf, 7, 0);
  return (leaf[1] & leaf7_ebx) == leaf7_ebx && (leaf[2] & leaf7_ecx) == leaf7_ecx;
}

constexpr int kFma = 1 << 12, kAvx = 1 << 28, kF16c = 1 << 29;
constexpr int kClmul = 1 << 1, kBmi = 1 << 3 | 1 << 8;
constexpr int kAvx2 = 1 << 5, kAvx512 = 1 << 16 | 1 << 17 | 1 << 30 | static_cast<int>(1u << 31);
constexpr int kVbmi = 1 << 1, kVnni = 1 << 11;
constexpr unsigned long long kYmm = 6, kZmm = 0xe6;
#elif defined(__x86_64__)
// Clang 19's __builtin_cpu_supports has no name for it. That the system saves the registers is what AVX says.
bool cpu_has_f16c() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}
#endif

constexpr std::size_t kCommonCache = 1u << 20;

// Bytes of the last-level cache that this core shares, 0 if unknown. sysconf adds up those of the whole socket: 256 MB
// of an EPYC whose cores share 32 MB each.
std::size_t last_level_cache() {
#if defined(__linux__)
  if (std::FILE* const file = std::fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "re")) {
    unsigned long size = 0;
    char unit = 0;
    const int found = std::fscanf(file, "%lu%c", &size, &unit);
    (void)std::fclose(file);
    if (found == 2) return std::size_t{size} << (unit == 'M' ? 20 : unit == 'K' ? 10 : 0);
  }
#endif
  return 0;
}

}  // namespace

bool cpu_has_avx2() {
#if defined(_MSC_VER) && defined(_M_X64)
  return cpu_has(kAvx | kF16c, kAvx2, kYmm);
#elif defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && cpu_has_f16c();
#else
  return false;
#endif
}

bool cpu_has_fma() {
#if defined(_MSC_VER) && defined(_M_X64)
  return cpu_has(kAvx | kFma, 0, kYmm);
#elif defined(__x86_64__)
  return __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

bool cpu_has_avx2_bmi2_clmul() {
#if defined(_MSC_VER) && defined(_M_X64)
  return cpu_has_avx2() && cpu_has(kClmul, kBmi, kYmm);
#elif defined(__x86_64__)
  return cpu_has_avx2() && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("pclmul");
#else
  return false;
#endif
}

bool cpu_has_avx512() {
#if defined(_MSC_VER) && defined(_M_X64)
  return cpu_has(kAvx | kF16c | kFma, kAvx2 | kAvx512, kZmm);
#elif defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && cpu_has_avx2() && cpu_has_fma();
#else
  return false;
#endif
}

bool cpu_has_avx512_vnni() {
#if defined(_MSC_VER) && defined(_M_X64)
  return cpu_has_avx512() && cpu_has(0, 0, kZmm, kVbmi | kVnni);
#elif defined(__x86_64__)
  return cpu_has_avx512() && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
#else
  return false;
#endif
}

std::size_t second_level_cache() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return bytes >= (1 << 17) ? static_cast<std::size_t>(bytes) : kCommonCache;
#else
  return kCommonCache;
#endif
}

bool better_streamed(std::size_t bytes) {
  static const std::size_t cache = last_level_cache();
  return cache > 0 && bytes > cache / 4;
}

}  // namespace rmbg
