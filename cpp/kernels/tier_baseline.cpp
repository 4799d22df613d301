// The bodies as plain loops, compiled for the oldest CPU of the architecture.
#include "kernels/table.hpp"

namespace rmbg::kernels {

extern const KernelTable baseline_table;
constinit const KernelTable baseline_table = table("baseline");

}  // namespace rmbg::kernels
