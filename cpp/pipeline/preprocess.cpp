#include "pipeline/preprocess.hpp"

#include <string>

#include "core/buffer.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"
#include "pipeline/axis.hpp"

namespace rmbg {
namespace {

// round(v / 257): 65535 becomes 255.
ImageView narrowed(const ImageView& image, Buffer& buffer, int threads) {
  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(image.width) * image.channels;
  buffer.reserve(static_cast<std::size_t>(stride) * static_cast<std::size_t>(image.height));
  auto* to = static_cast<std::uint8_t*>(buffer.data());
  parallel_rows(threads, image.height, [&](std::int32_t begin, std::int32_t end) {
    for (std::int32_t y = begin; y < end; ++y) {
      const auto* row = reinterpret_cast<const std::uint16_t*>(static_cast<const char*>(image.data) + y * image.stride);
      for (std::ptrdiff_t i = 0; i < stride; ++i) to[y * stride + i] = static_cast<std::uint8_t>((row[i] * 255u + 32767u) / 65535u);
    }
  });
  return {to, image.width, image.height, image.channels, stride, Sample::u8};
}

template <typename Job, typename Kernel>
void run_bands(const Job& job, Kernel kernel, int threads) {
  parallel_rows(threads, job.out.height, [&](std::int32_t begin, std::int32_t end) {
    Buffer scratch(kernels::scratch_bytes(job));
    kernel(job, begin, end, scratch.data());
  });
}

}  // namespace

void check_size(std::int64_t width, std::int64_t height) {
  const std::string size = std::to_string(width) + " x " + std::to_string(height) + " pixels";
  if (width < 1 || height < 1) throw Error(ErrorKind::image, "the image is empty (" + size + ")");
  if (width > kMaxSide || height > kMaxSide) {
    throw Error(ErrorKind::image_too_large,
                "the image has " + size + "; no side may be longer than " + std::to_string(kMaxSide));
  }
}

void preprocess(const ImageView& image, Resample resample, bool bgr, const kernels::NormalizedPlanes& planes, int threads) {
  check_size(image.width, image.height);
  if (planes.width < 1 || planes.height < 1 || planes.width > kMaxModelSide || planes.height > kMaxModelSide) {
    throw Error(ErrorKind::option, "size must be from 1 to " + std::to_string(kMaxModelSide) + " pixels a side, not " +
                                       std::to_string(planes.height) + " x " + std::to_string(planes.width));
  }
  Buffer narrow;
  const ImageView view = image.sample == Sample::u16 ? narrowed(image, narrow, threads) : image;
  const kernels::Picture8 picture{static_cast<const std::uint8_t*>(view.data), view.stride, view.width, view.height,
                                  view.channels, bgr};
  if (resample == Resample::bilinear) {
    const BilinearTable columns = bilinear_table(view.width, planes.width);
    const BilinearTable rows = bilinear_table(view.height, planes.height);
    run_bands(kernels::ResizeBilinear{picture, columns.view(), rows.view(), planes}, kernels::active().resize_bilinear, threads);
  } else {
    const FilterTable columns = triangle_table(view.width, planes.width);
    const FilterTable rows = triangle_table(view.height, planes.height);
    run_bands(kernels::ResizeTriangle{picture, columns.view(), rows.view(), planes}, kernels::active().resize_triangle, threads);
  }
}

}  // namespace rmbg
