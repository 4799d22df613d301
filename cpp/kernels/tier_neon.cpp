// The bodies for aarch64, where NEON is part of the architecture: plain loops that the compiler vectorises.
#include "kernels/table.hpp"

namespace rmbg::kernels {

extern const KernelTable neon_table;
constinit const KernelTable neon_table = table("neon");

}  // namespace rmbg::kernels
