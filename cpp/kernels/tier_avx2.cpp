// The bodies for x86-64 with AVX2 and F16C (Haswell, Zen and later); the build gives this file those flags.
#include "kernels/table.hpp"

namespace rmbg::kernels {

extern const KernelTable avx2_table;
constinit const KernelTable avx2_table = table("avx2");

}  // namespace rmbg::kernels
