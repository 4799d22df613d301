// clang-format off: what the bodies call Vec comes first.
#include "net/vec_avx512.hpp"
#include "net/body_deformable.hpp"
#include "net/body_direct.hpp"
#include "net/body_pointwise.hpp"
#include "net/body_resample.hpp"
#include "net/body_winograd.hpp"
#include "net/body_attention.hpp"
#include "net/body_linear.hpp"
#include "net/table.hpp"
// clang-format on

namespace rmbg::net {

extern const Kernels avx512_kernels;
constinit const Kernels avx512_kernels = table("avx512");

}  // namespace rmbg::net
