#include "pipeline/foreground.hpp"

#include "core/buffer.hpp"
#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"

namespace rmbg {

void estimate_foreground(const ImageView& image, const Plane& alpha, const ForegroundRadii& radii,
                         const MutableImageView& dst, int threads) {
  const kernels::EstimateForeground job{image.data,
                                        image.stride,
                                        image.channels,
                                        alpha.data,
                                        alpha.stride,
                                        dst.data,
                                        dst.stride,
                                        image.width,
                                        image.height,
                                        image.sample == Sample::u16,
                                        {radii.coarse, radii.middle, radii.fine}};
  parallel_rows(threads, image.height, [&](std::int32_t begin, std::int32_t end) {
    Buffer scratch(kernels::scratch_bytes(job));
    kernels::active().estimate_foreground(job, begin, end, scratch.data());
  });
}

}  // namespace rmbg
