#include "pipeline/cutout.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/buffer.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"
#include "pipeline/preprocess.hpp"

namespace rmbg {
namespace {

constexpr std::size_t kBandBytes = 128 << 10;  // of alpha between resize and blend: stays in the second-level cache

// The two axes of a mask's way to a size, kept for as long as jobs point into them.
struct MaskTables {
  MaskTables(const Mask& mask, std::int32_t width, std::int32_t height, MaskResample resample)
      : columns(mask_table(mask.width, width, resample)), rows(mask_table(mask.height, height, resample)) {}
  MaskTable columns;
  MaskTable rows;
};

kernels::ResizeMask mask_job(const Mask& mask, const MaskTables& tables, const MaskOptions& options, const Plane& dst) {
  return {mask.data,    mask.width,          mask.height,     tables.columns.view(), tables.rows.view(),
          options.scaling.lo, options.scaling.gain, options.nearest, dst.type,  dst.width,
          dst.height,   dst.data,            dst.stride};
}

kernels::Blend blend_job(const ImageView& image, const BlendOptions& options, const MutableImageView& dst) {
  kernels::Blend job{};
  job.src = image.data;
  job.src_stride = image.stride;
  job.channels = image.channels;
  job.dst = dst.data;
  job.dst_stride = dst.stride;
  job.width = image.width;
  job.height = image.height;
  job.wide = image.sample == Sample::u16;
  job.mode = options.mode;
  job.threshold = options.threshold;
  std::copy_n(options.background, 3, job.background);
  return job;
}

// The same work with row y as its first; the destination of the mask and the alpha of the blend are a band's, and stay.
kernels::ResizeMask from_row(kernels::ResizeMask job, std::int32_t y) {
  job.rows.first += y;
  if (job.rows.taps > 1) job.rows.weights += static_cast<std::ptrdiff_t>(y) * (job.rows.taps == 2 ? 1 : job.rows.taps);
  if (job.rows.taps > 2) job.rows.count += y;
  return job;
}

kernels::Blend from_row(kernels::Blend job, std::int32_t y) {
  job.src = static_cast<const char*>(job.src) + y * job.src_stride;
  job.dst = static_cast<char*>(job.dst) + y * job.dst_stride;
  return job;
}

}  // namespace

float top_of(kernels::MaskType type) {
  switch (type) {
    case kernels::MaskType::u8:
      return 255.0f;
    case kernels::MaskType::u16:
      return 65535.0f;
    case kernels::MaskType::f32:
      break;
  }
  return 1.0f;
}

kernels::MinMax minmax(const Mask& mask, int threads) {
  kernels::MinMax whole{std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
  std::mutex guard;
  parallel_rows(threads, mask.height, [&](std::int32_t begin, std::int32_t end) {
    const float* first = mask.data + static_cast<std::ptrdiff_t>(begin) * mask.width;
    const std::size_t count = static_cast<std::size_t>(end - begin) * static_cast<std::size_t>(mask.width);
    const kernels::MinMax band = kernels::active().minmax(first, count);
    const std::lock_guard lock(guard);
    whole = {std::min(whole.lo, band.lo), std::max(whole.hi, band.hi)};
  });
  return whole;
}

void check_finite(const kernels::MinMax& range) {
  if (range.lo <= range.hi) return;
  throw Error(ErrorKind::model_output, "the mask has no finite value (all are NaN or infinite)");
}

Scaling stretch(const kernels::MinMax& range, float top) {
  check_finite(range);
  const float span = range.hi - range.lo;
  if (span == 0.0f) {
    throw Error(ErrorKind::model_output,
                "the mask is constant (every value is " + std::to_string(range.lo) + "): it has no subject to cut out");
  }
  if (!std::isfinite(span)) throw Error(ErrorKind::model_output, "the mask's values are too far apart for float32");
  float gain = top / span;
  while (span * gain < top) gain = std::nextafter(gain, std::numeric_limits<float>::infinity());
  return {range.lo, gain};
}

void resize_mask(const Mask& mask, const MaskOptions& options, const Plane& dst, int threads) {
  check_size(dst.width, dst.height);
  const MaskTables tables(mask, dst.width, dst.height, options.resample);
  const kernels::ResizeMask job = mask_job(mask, tables, options, dst);
  parallel_rows(threads, dst.height, [&](std::int32_t begin, std::int32_t end) {
    Buffer scratch(kernels::scratch_bytes(job));
    kernels::active().resize_mask(job, begin, end, scratch.data());
  });
}

void blend(const ImageView& image, const Plane& alpha, const BlendOptions& options, const MutableImageView& dst, int threads) {
  check_size(image.width, image.height);
  kernels::Blend job = blend_job(image, options, dst);
  job.alpha = alpha.data;
  job.alpha_stride = alpha.stride;
  parallel_rows(threads, image.height,
                [&](std::int32_t begin, std::int32_t end) { kernels::active().blend(job, begin, end); });
}

void cutout(const ImageView& image, const Mask& mask, const MaskOptions& mask_options, const BlendOptions& options,
            const MutableImageView& dst, int threads) {
  check_size(image.width, image.height);
  const MaskTables tables(mask, image.width, image.height, mask_options.resample);
  const bool wide = image.sample == Sample::u16;
  const std::ptrdiff_t alpha_stride = static_cast<std::ptrdiff_t>(image.width) * (wide ? 2 : 1);
  const auto band_rows = static_cast<std::int32_t>(
      std::clamp<std::size_t>(kBandBytes / static_cast<std::size_t>(alpha_stride), 1, static_cast<std::size_t>(image.height)));
  parallel_rows(threads, image.height, [&](std::int32_t begin, std::int32_t end) {
    Buffer alpha(static_cast<std::size_t>(alpha_stride) * static_cast<std::size_t>(band_rows));
    const Plane plane{alpha.data(), image.width, image.height, alpha_stride,
                      wide ? kernels::MaskType::u16 : kernels::MaskType::u8};
    const kernels::ResizeMask resize = mask_job(mask, tables, mask_options, plane);
    kernels::Blend mix = blend_job(image, options, dst);
    mix.alpha = alpha.data();
    mix.alpha_stride = alpha_stride;
    Buffer scratch(kernels::scratch_bytes(resize));
    for (std::int32_t y = begin; y < end; y += band_rows) {
      const std::int32_t rows = std::min(end - y, band_rows);
      kernels::active().resize_mask(from_row(resize, y), 0, rows, scratch.data());
      kernels::active().blend(from_row(mix, y), 0, rows);
    }
  });
}

}  // namespace rmbg
