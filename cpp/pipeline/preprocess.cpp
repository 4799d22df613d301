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

// Runs the job, whose picture is `image`, by bands of its output rows for threads; count(y) source rows from
// job.rows.first[y] on make row y.
template <typename Job, typename Count, typename Kernel>
void run_bands(const ImageView& image, const Job& job, const Stretch& rows, Count count, Kernel kernel, int threads) {
  parallel_rows(threads, rows.end - rows.begin, [&](std::int32_t begin, std::int32_t end) {
    Buffer scratch(kernels::scratch_bytes(job));
    const auto first = [&](std::int32_t y) { return job.rows.first[y] - rows.top; };
    std::vector<std::int32_t> firsts(static_cast<std::size_t>(rows.end));  // as they are counted in a strip
    with_packed_rows(image, Sample::u8, rows.begin + begin, rows.begin + end, first, count,
                     [&](const ImageView& view, std::int32_t top, std::int32_t from, std::int32_t upto) {
                       Job part = reading(job, view);
                       const std::int32_t above = rows.top + top;
                       if (above > 0) {
                         std::transform(job.rows.first + from, job.rows.first + upto, firsts.begin() + from,
                                        [above](std::int32_t row) { return row - above; });
                         part.rows.first = firsts.data();
                       }
                       kernel(part, from, upto, scratch.data());
                     });
  });
}

// The picture at the size of `planes`, by Pillow's resampler.
ImageView resized_levels(const ImageView& image, Filter filter, const kernels::NormalizedPlanes& planes,
                         const Stretch& stretch, Tables& tables, Buffer& buffer, int threads) {
  const auto columns = tables.levels(image.width, planes.width, filter);
  const auto rows = tables.levels(image.height, planes.height, filter);
  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(planes.width) * image.channels;
  buffer.reserve(static_cast<std::size_t>(stride) * static_cast<std::size_t>(planes.height));
  auto* levels = static_cast<std::uint8_t*>(buffer.data());
  const kernels::ResizeLevels job{
      nullptr,       0,      image.width, image.height, image.channels, columns->view(), rows->view(), planes.width,
      planes.height, levels, stride};
  const auto count = [&](std::int32_t y) { return job.rows.count[y]; };
  run_bands(image, job, stretch, count, kernels::active().resize_levels, threads);
  return packed_view(levels, planes.width, planes.height, image.channels, stride, Sample::u8);
}

Centres centres_of(Resample resample) {
  return resample == Resample::bilinear_topleft ? Centres::topleft : Centres::half_pixel;
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
  preprocess_rows(image, resample, bgr, planes, {0, 0, planes.height}, tables, threads);
}

void preprocess_rows(const ImageView& image, Resample resample, bool bgr, const kernels::NormalizedPlanes& planes,
                     const Stretch& stretch, Tables& tables, int threads) {
  ImageView view = image;
  read_forwards(view, bgr);
  if (resample == Resample::triangle) {
    const auto columns = tables.triangle(view.width, planes.width);
    const auto rows = tables.triangle(view.height, planes.height);
    const kernels::ResizeTriangle job{picture_of(view, bgr), columns->view(), rows->view(), planes};
    const auto count = [&](std::int32_t y) { return job.rows.count[y]; };
    run_bands(view, job, stretch, count, kernels::active().resize_triangle, threads);
    return;
  }
  kernels::NormalizedPlanes out = planes;
  Stretch there = stretch;
  Buffer levels;
  if (const std::optional<Filter> filter = level_filter(resample)) {
    view = resized_levels(view, *filter, planes, stretch, tables, levels, threads);
    there.top = 0;
    out.rounding = kernels::Rounding::truncate;  // of whole numbers: the bilinear kernel has only to normalise them
  }
  const Centres centres = centres_of(resample);
  const auto columns = tables.bilinear(view.width, planes.width, centres);
  const auto rows = tables.bilinear(view.height, planes.height, centres);
  const kernels::ResizeBilinear job{picture_of(view, bgr), columns->view(), rows->view(), out};
  const auto count = [&](std::int32_t y) { return job.rows.weight[y] ? 2 : 1; };
  run_bands(view, job, there, count, kernels::active().resize_bilinear, threads);
}

std::vector<SourceRows> source_rows(std::int32_t in, std::int32_t out, Resample resample, Tables& tables) {
  std::vector<SourceRows> rows(static_cast<std::size_t>(out));
  const auto fill = [&](const auto& axis, const auto& count) {
    for (std::int32_t y = 0; y < out; ++y) rows[static_cast<std::size_t>(y)] = {axis.first[y], count(axis, y)};
  };
  const auto counted = [](const auto& axis, std::int32_t y) { return axis.count[y]; };
  if (resample == Resample::triangle) {
    fill(tables.triangle(in, out)->view(), counted);
  } else if (const std::optional<Filter> filter = level_filter(resample)) {
    fill(tables.levels(in, out, *filter)->view(), counted);
  } else {
    fill(tables.bilinear(in, out, centres_of(resample))->view(),
         [](const kernels::BilinearAxis& axis, std::int32_t y) { return axis.weight[y] ? 2 : 1; });
  }
  return rows;
}

double largest_value(const ImageView& image, Resample resample, const kernels::NormalizedPlanes& planes, Tables& tables,
                     int threads) {
  Buffer values(3 * sizeof(float) * static_cast<std::size_t>(planes.height) * static_cast<std::size_t>(planes.width));
  kernels::NormalizedPlanes levels = as_levels(planes);
  levels.dst = values.data();
  preprocess(image, resample, false, levels, tables, threads);
  return largest_level(levels, threads);
}

kernels::NormalizedPlanes as_levels(kernels::NormalizedPlanes planes) {
  for (int c = 0; c < 3; ++c) {
    planes.scale[c] = 1.0f;
    planes.bias[c] = 0.0f;
  }
  planes.half = false;
  return planes;
}

double largest_level(const kernels::NormalizedPlanes& planes, int threads) {
  const Mask values{static_cast<const float*>(planes.dst), planes.width, 3 * planes.height};
  const float largest = range_of(values, threads).whole.hi;
  return largest > 0.0f ? static_cast<double>(largest) : 255.0;
}

}  // namespace rmbg
