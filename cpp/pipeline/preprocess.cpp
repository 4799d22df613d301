#include "pipeline/preprocess.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/buffer.hpp"
#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"
#include "pipeline/axis.hpp"
#include "pipeline/mask_range.hpp"
#include "pipeline/packed_rows.hpp"

namespace rmbg {
namespace {

kernels::Picture8 picture_of(const ImageView& view, bool bgr) {
  return {static_cast<const std::uint8_t*>(view.data), view.stride, view.width, view.height, view.channels, bgr};
}

// The job on another picture.
template <typename Job>
Job reading(Job job, const ImageView& view) {
  job.src = picture_of(view, job.src.bgr);
  return job;
}

kernels::ResizeLevels reading(kernels::ResizeLevels job, const ImageView& view) {
  job.src = static_cast<const std::uint8_t*>(view.data);
  job.src_stride = view.stride;
  return job;
}

// Runs the job, whose picture is `image`, by bands of its `height` output rows for threads; count(y) source rows from
// job.rows.first[y] on make row y.
template <typename Job, typename Count, typename Kernel>
void run_bands(const ImageView& image, const Job& job, std::int32_t height, Count count, Kernel kernel, int threads) {
  parallel_rows(threads, height, [&](std::int32_t begin, std::int32_t end) {
    Buffer scratch(kernels::scratch_bytes(job));
    const auto first = [&](std::int32_t y) { return job.rows.first[y]; };
    std::vector<std::int32_t> rows(static_cast<std::size_t>(height));  // as they are counted in a strip
    with_packed_rows(image, Sample::u8, begin, end, first, count,
                     [&](const ImageView& view, std::int32_t top, std::int32_t from, std::int32_t upto) {
                       Job part = reading(job, view);
                       if (top > 0) {
                         std::transform(job.rows.first + from, job.rows.first + upto, rows.begin() + from,
                                        [top](std::int32_t row) { return row - top; });
                         part.rows.first = rows.data();
                       }
                       kernel(part, from, upto, scratch.data());
                     });
  });
}

// The picture at the size of `planes`, by Pillow's resampler.
ImageView resized_levels(const ImageView& image, Filter filter, const kernels::NormalizedPlanes& planes, Tables& tables,
                         Buffer& buffer, int threads) {
  const auto columns = tables.levels(image.width, planes.width, filter);
  const auto rows = tables.levels(image.height, planes.height, filter);
  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(planes.width) * image.channels;
  buffer.reserve(static_cast<std::size_t>(stride) * static_cast<std::size_t>(planes.height));
  auto* levels = static_cast<std::uint8_t*>(buffer.data());
  const kernels::ResizeLevels job{
      nullptr,       0,      image.width, image.height, image.channels, columns->view(), rows->view(), planes.width,
      planes.height, levels, stride};
  const auto count = [&](std::int32_t y) { return job.rows.count[y]; };
  run_bands(image, job, planes.height, count, kernels::active().resize_levels, threads);
  return packed_view(levels, planes.width, planes.height, image.channels, stride, Sample::u8);
}

// A view with its channels in reverse is read forwards, and `bgr` then says the opposite.
void read_forwards(ImageView& image, bool& bgr) {
  const std::ptrdiff_t size = bytes_of(image.sample);
  if (image.channels == 3 && image.channel_stride == -size && image.pixel_stride == 3 * size) {
    image.data = static_cast<const char*>(image.data) - 2 * size;
    image.channel_stride = size;
    bgr = !bgr;
  }
}

}  // namespace

void preprocess(const ImageView& image, Resample resample, bool bgr, const kernels::NormalizedPlanes& planes,
                Tables& tables, int threads) {
  ImageView view = image;
  read_forwards(view, bgr);
  if (resample == Resample::triangle) {
    const auto columns = tables.triangle(view.width, planes.width);
    const auto rows = tables.triangle(view.height, planes.height);
    const kernels::ResizeTriangle job{picture_of(view, bgr), columns->view(), rows->view(), planes};
    const auto count = [&](std::int32_t y) { return job.rows.count[y]; };
    run_bands(view, job, planes.height, count, kernels::active().resize_triangle, threads);
    return;
  }
  kernels::NormalizedPlanes out = planes;
  Buffer levels;
  if (const std::optional<Filter> filter = level_filter(resample)) {
    view = resized_levels(view, *filter, planes, tables, levels, threads);
    out.rounding = kernels::Rounding::truncate;  // of whole numbers: the bilinear kernel has only to normalise them
  }
  const Centres centres = resample == Resample::bilinear_topleft ? Centres::topleft : Centres::half_pixel;
  const auto columns = tables.bilinear(view.width, planes.width, centres);
  const auto rows = tables.bilinear(view.height, planes.height, centres);
  const kernels::ResizeBilinear job{picture_of(view, bgr), columns->view(), rows->view(), out};
  const auto count = [&](std::int32_t y) { return job.rows.weight[y] ? 2 : 1; };
  run_bands(view, job, planes.height, count, kernels::active().resize_bilinear, threads);
}

double largest_value(const ImageView& image, Resample resample, const kernels::NormalizedPlanes& planes, Tables& tables,
                     int threads) {
  const std::int32_t height = 3 * planes.height;
  Buffer values(sizeof(float) * static_cast<std::size_t>(height) * static_cast<std::size_t>(planes.width));
  kernels::NormalizedPlanes plain = planes;
  for (int c = 0; c < 3; ++c) {
    plain.scale[c] = 1.0f;
    plain.bias[c] = 0.0f;
  }
  plain.half = false;
  plain.dst = values.data();
  preprocess(image, resample, false, plain, tables, threads);
  const float largest = range_of({static_cast<const float*>(values.data()), planes.width, height}, threads).whole.hi;
  return largest > 0.0f ? static_cast<double>(largest) : 255.0;
}

}  // namespace rmbg
