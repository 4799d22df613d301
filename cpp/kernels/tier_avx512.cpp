// The bodies for x86-64 with AVX-512 F, BW, DQ, VL, VBMI and VNNI (Ice Lake, Zen 4 and later); the build gives this
// file those flags.
#include "kernels/table.hpp"

namespace rmbg::kernels {

extern const KernelTable avx512_table;
constinit const KernelTable avx512_table = table("avx512");

}  // namespace rmbg::kernels
