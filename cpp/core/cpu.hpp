// What the CPU offers. Asked once, when the tiers are chosen.
#pragma once

namespace rmbg {

// AVX2 and F16C, and an operating system that saves the wide registers.
bool cpu_has_avx2();

}  // namespace rmbg
