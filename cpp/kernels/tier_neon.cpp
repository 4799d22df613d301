// The bodies for aarch64, where NEON is part of the architecture: plain loops that the compiler vectorises.
#include "kernels/body_blend.hpp"
#include "kernels/body_cutout.hpp"
#include "kernels/body_foreground.hpp"
#include "kernels/body_minmax.hpp"
#include "kernels/body_pack.hpp"
#include "kernels/body_resize_bilinear.hpp"
#include "kernels/body_resize_levels.hpp"
#include "kernels/body_resize_mask.hpp"
#include "kernels/body_resize_triangle.hpp"

namespace rmbg::kernels {

extern const KernelTable neon_table;
const KernelTable neon_table = {
    "neon",        resize_bilinear, resize_triangle,     minmax, resize_mask, blend, resize_range,
    resize_levels, cutout,          estimate_foreground, pack,
};

}  // namespace rmbg::kernels
