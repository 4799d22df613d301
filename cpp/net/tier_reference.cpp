#include "net/body_direct.hpp"
#include "net/body_resample.hpp"
#include "net/body_winograd.hpp"
#include "net/table.hpp"
#include "net/vec_scalar.hpp"

namespace rmbg::net {

extern const Kernels reference_kernels;
const Kernels reference_kernels = table("reference");

}  // namespace rmbg::net
