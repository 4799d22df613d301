#include "pipeline/foreground.hpp"

#include "core/buffer.hpp"
#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/divide.hpp"
#include "pipeline/packed_rows.hpp"

namespace rmbg {
namespace {

// alpha = alpha * the picture's own, rounded to nearest, as the blend does it.
template <typename T>
void multiply_rows(const Plane& alpha, const ImageView& image, std::int32_t begin, std::int32_t end) {
  for (std::int32_t y = begin; y < end; ++y) {
    const auto* own = reinterpret_cast<const T*>(static_cast<const char*>(image.data) + y * image.stride) + 3;
    auto* row = reinterpret_cast<T*>(static_cast<char*>(alpha.data) + y * alpha.stride);
    for (std::int32_t x = 0; x < image.width; ++x) {
      row[x] = static_cast<T>(divide_by_top<T>(std::uint32_t{row[x]} * own[4 * x]));
    }
  }
}

void multiply_alpha_by_own(const Plane& alpha, const ImageView& image, int threads) {
  parallel_rows(threads, image.height, [&](std::int32_t begin, std::int32_t end) {
    if (image.sample == Sample::u16) {
      multiply_rows<std::uint16_t>(alpha, image, begin, end);
    } else {
      multiply_rows<std::uint8_t>(alpha, image, begin, end);
    }
  });
}

}  // namespace

void estimate_foreground(const ImageView& any, const Plane& alpha, const ForegroundRadii& radii,
                         const MutableImageView& dst, int threads) {
  Buffer packed;
  const ImageView image = packed_picture(any, packed, threads);
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

void cutout_estimated(const ImageView& any, const MaskResizer& resizer, const BlendOptions& options,
                      const MutableImageView& dst, int threads) {
  Buffer packed;
  const ImageView image = packed_picture(any, packed, threads);
  const std::ptrdiff_t row = image.width * bytes_of(image.sample);
  Buffer alpha(static_cast<std::size_t>(row) * static_cast<std::size_t>(image.height));
  Buffer colours(3 * static_cast<std::size_t>(row) * static_cast<std::size_t>(image.height));
  const Plane plane{alpha.data(), image.width, image.height, row, resizer.type()};
  resize_mask(resizer, plane, threads);
  if (image.channels == 4) multiply_alpha_by_own(plane, image, threads);
  const MutableImageView own{colours.data(), image.width, image.height, 3, 3 * row, image.sample};
  estimate_foreground(image, plane, ForegroundRadii{}, own, threads);
  blend(packed_view(own.data, own.width, own.height, own.channels, own.stride, own.sample), plane, options, dst,
        threads);
}

}  // namespace rmbg
