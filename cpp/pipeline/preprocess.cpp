#include "pipeline/preprocess.hpp"

#include <string>

#include "core/buffer.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"
#include "pipeline/axis.hpp"
#include "pipeline/scaling.hpp"
#include "pipeline/tables.hpp"

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
      for (std::ptrdiff_t i = 0; i < stride; ++i)
        to[y * stride + i] = static_cast<std::uint8_t>((row[i] * 255u + 32767u) / 65535u);
    }
  });
  return {to, image.width, image.height, image.channels, stride, Sample::u8};
}

kernels::Picture8 picture_of(const ImageView& view, bool bgr) {
  return {static_cast<const std::uint8_t*>(view.data), view.stride, view.width, view.height, view.channels, bgr};
}

template <typename Job, typename Kernel>
void run_bands(const Job& job, Kernel kernel, int threads) {
  parallel_rows(threads, job.out.height, [&](std::int32_t begin, std::int32_t end) {
    Buffer scratch(kernels::scratch_bytes(job));
    kernel(job, begin, end, scratch.data());
  });
}

Filter filter_of(Resample resample) {
  return resample == Resample::pillow_bilinear  ? Filter::triangle
         : resample == Resample::pillow_bicubic ? Filter::bicubic
                                                : Filter::lanczos;
}

// The picture at the size of `planes`, by Pillow's resampler.
ImageView resized_levels(const ImageView& image, Filter filter, const kernels::NormalizedPlanes& planes, Buffer& buffer,
                         int threads) {
  const auto columns = kept_levels(image.width, planes.width, filter);
  const auto rows = kept_levels(image.height, planes.height, filter);
  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(planes.width) * image.channels;
  buffer.reserve(static_cast<std::size_t>(stride) * static_cast<std::size_t>(planes.height));
  auto* levels = static_cast<std::uint8_t*>(buffer.data());
  const kernels::ResizeLevels job{static_cast<const std::uint8_t*>(image.data),
                                  image.stride,
                                  image.width,
                                  image.height,
                                  image.channels,
                                  columns->view(),
                                  rows->view(),
                                  planes.width,
                                  planes.height,
                                  levels,
                                  stride};
  parallel_rows(threads, planes.height, [&](std::int32_t begin, std::int32_t end) {
    Buffer scratch(kernels::scratch_bytes(job));
    kernels::active().resize_levels(job, begin, end, scratch.data());
  });
  return {levels, planes.width, planes.height, image.channels, stride, Sample::u8};
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

void preprocess(const ImageView& image, Resample resample, bool bgr, const kernels::NormalizedPlanes& planes,
                int threads) {
  check_size(image.width, image.height);
  if (planes.width < 1 || planes.height < 1 || planes.width > kMaxModelSide || planes.height > kMaxModelSide) {
    throw Error(ErrorKind::option, "size must be from 1 to " + std::to_string(kMaxModelSide) + " pixels a side, not " +
                                       std::to_string(planes.height) + " x " + std::to_string(planes.width));
  }
  Buffer narrow;
  ImageView view = image.sample == Sample::u16 ? narrowed(image, narrow, threads) : image;
  if (resample == Resample::triangle) {
    const auto columns = kept_triangle(view.width, planes.width);
    const auto rows = kept_triangle(view.height, planes.height);
    run_bands(kernels::ResizeTriangle{picture_of(view, bgr), columns->view(), rows->view(), planes},
              kernels::active().resize_triangle, threads);
    return;
  }
  kernels::NormalizedPlanes out = planes;
  Buffer levels;
  if (resample != Resample::bilinear && resample != Resample::bilinear_topleft) {
    view = resized_levels(view, filter_of(resample), planes, levels, threads);
    out.rounding = kernels::Rounding::truncate;  // of whole numbers: the bilinear kernel has only to normalise them
  }
  const Centres centres = resample == Resample::bilinear_topleft ? Centres::topleft : Centres::half_pixel;
  const auto columns = kept_bilinear(view.width, planes.width, centres);
  const auto rows = kept_bilinear(view.height, planes.height, centres);
  run_bands(kernels::ResizeBilinear{picture_of(view, bgr), columns->view(), rows->view(), out},
            kernels::active().resize_bilinear, threads);
}

double largest_value(const ImageView& image, Resample resample, const kernels::NormalizedPlanes& planes, int threads) {
  const std::int32_t height = 3 * planes.height;
  Buffer values(sizeof(float) * static_cast<std::size_t>(height) * static_cast<std::size_t>(planes.width));
  kernels::NormalizedPlanes plain = planes;
  for (int c = 0; c < 3; ++c) {
    plain.scale[c] = 1.0f;
    plain.bias[c] = 0.0f;
  }
  plain.half = false;
  plain.dst = values.data();
  preprocess(image, resample, false, plain, threads);
  const float largest = minmax({static_cast<const float*>(values.data()), planes.width, height}, threads).hi;
  return largest > 0.0f ? static_cast<double>(largest) : 255.0;
}

}  // namespace rmbg
