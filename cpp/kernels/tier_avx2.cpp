// The bodies for x86-64 with AVX2 and F16C (Haswell, Zen and later); the build gives this file those flags.
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

extern const KernelTable avx2_table;
const KernelTable avx2_table = {
    "avx2",        resize_bilinear, resize_triangle,     minmax, resize_mask, blend, resize_range,
    resize_levels, cutout,          estimate_foreground, pack,
};

}  // namespace rmbg::kernels
