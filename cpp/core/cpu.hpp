// What the CPU offers. Asked once, when the tiers are chosen.
#pragma once

#include <cstddef>

namespace rmbg {

// AVX2 and F16C, and an operating system that saves the wide registers.
bool cpu_has_avx2();
bool cpu_has_fma();
// AVX2, and BMI2 and carry-less multiplication, which came with it or before it.
bool cpu_has_avx2_bmi2_clmul();
// AVX-512 F, VL, BW and DQ (Skylake-X and later), saved by the operating system too.
bool cpu_has_avx512();
// Those, and VBMI and VNNI (Ice Lake, Zen 4 and later).
bool cpu_has_avx512_vnni();

// Bytes of a core's second-level cache; a common size where the system does not say.
std::size_t second_level_cache();

// Whether so many bytes of results are better written past the caches: they would not stay there until they are read,
// and a line would be read from memory only to be overwritten. False where the system does not say how large the
// last-level cache is.
bool better_streamed(std::size_t bytes);

}  // namespace rmbg
