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

// The same work with row y as its first; the alpha is a band's, and stays.
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
  const MaskResizer resizer(mask, options, dst.width, dst.height, dst.type, threads);
  parallel_rows(threads, dst.height, [&](std::int32_t begin, std::int32_t end) {
    Buffer scratch(resizer.scratch_bytes());
    resizer.rows(begin, end, static_cast<char*>(dst.data) + begin * dst.stride, dst.stride, scratch.data());
  });
}

void blend(const ImageView& image, const Plane& alpha, const BlendOptions& options, const MutableImageView& dst,
           int threads) {
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
  const bool wide = image.sample == Sample::u16;
  const std::ptrdiff_t alpha_stride = static_cast<std::ptrdiff_t>(image.width) * (wide ? 2 : 1);
  const auto band_rows = static_cast<std::int32_t>(std::clamp<std::size_t>(
      kBandBytes / static_cast<std::size_t>(alpha_stride), 1, static_cast<std::size_t>(image.height)));
  const MaskResizer resizer(mask, mask_options, image.width, image.height,
                            wide ? kernels::MaskType::u16 : kernels::MaskType::u8, threads);
  parallel_rows(threads, image.height, [&](std::int32_t begin, std::int32_t end) {
    Buffer alpha(static_cast<std::size_t>(alpha_stride) * static_cast<std::size_t>(band_rows));
    kernels::Blend mix = blend_job(image, options, dst);
    mix.alpha = alpha.data();
    mix.alpha_stride = alpha_stride;
    Buffer scratch(resizer.scratch_bytes());
    for (std::int32_t y = begin; y < end; y += band_rows) {
      const std::int32_t rows = std::min(end - y, band_rows);
      resizer.rows(y, y + rows, alpha.data(), alpha_stride, scratch.data());
      kernels::active().blend(from_row(mix, y), 0, rows);
    }
  });
}

}  // namespace rmbg
