#include "pipeline/cutout.hpp"

#include <algorithm>
#include <cstdlib>

#include "core/buffer.hpp"
#include "core/cpu.hpp"
#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"
#include "pipeline/packed_rows.hpp"

namespace rmbg {
namespace {

constexpr std::size_t kBandBytes = 128 << 10;  // of alpha between resize and blend: stays in the second-level cache

// The same work with row y as its first.
kernels::Blend from_row(kernels::Blend job, std::int32_t y) {
  job.src = static_cast<const char*>(job.src) + y * job.src_stride;
  if (job.alpha != nullptr) job.alpha = static_cast<const char*>(job.alpha) + y * job.alpha_stride;
  job.dst = static_cast<char*>(job.dst) + y * job.dst_stride;
  if (job.behind != nullptr) job.behind = static_cast<const char*>(job.behind) + y * job.behind_stride;
  return job;
}

// Rows [begin, end) of the mask and the first rows of the blend, by way of an alpha that holds some of them.
void cut_by_bands(const MaskResizer& resizer, const kernels::Blend& mix, std::int32_t begin, std::int32_t end,
                  Buffer& alpha, void* scratch) {
  const auto stride = static_cast<std::size_t>(mix.width) * (mix.wide ? 2 : 1);
  const auto band =
      static_cast<std::int32_t>(std::clamp<std::size_t>(kBandBytes / stride, 1, static_cast<std::size_t>(mix.height)));
  alpha.reserve(stride * static_cast<std::size_t>(band));
  for (std::int32_t y = begin; y < end; y += band) {
    const std::int32_t rows = std::min(end - y, band);
    kernels::Blend part = from_row(mix, y - begin);
    part.alpha = alpha.data();
    part.alpha_stride = static_cast<std::ptrdiff_t>(stride);
    resizer.rows(y, y + rows, alpha.data(), part.alpha_stride, scratch);
    kernels::active().blend(part, 0, rows);
  }
}

// Calls work(job, begin, end) for stretches of the rows, which are the first ones of a job whose picture is packed.
template <typename Work>
void with_packed(const ImageView& image, const kernels::Blend& job, std::int32_t begin, std::int32_t end, Work work) {
  with_packed_rows(
      image, image.sample, begin, end, [](std::int32_t y) { return y; }, [](std::int32_t) { return 1; },
      [&](const ImageView& view, std::int32_t top, std::int32_t from, std::int32_t upto) {
        kernels::Blend part = from_row(job, from);
        part.src = static_cast<const char*>(view.data) + (from - top) * view.stride;
        part.src_stride = view.stride;
        work(part, from, upto);
      });
}

}  // namespace

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
  job.stream = better_streamed(static_cast<std::size_t>(std::abs(dst.stride)) * static_cast<std::size_t>(image.height));
  job.mode = options.mode;
  job.threshold = options.threshold;
  std::copy_n(options.background, 3, job.background);
  job.behind = options.behind;
  job.behind_stride = options.behind_stride;
  return job;
}

void resize_mask(const MaskResizer& alpha, const Plane& dst, int threads, std::int32_t top) {
  parallel_rows(threads, dst.height, [&](std::int32_t begin, std::int32_t end) {
    Buffer scratch(alpha.scratch_bytes());
    alpha.rows(top + begin, top + end, static_cast<char*>(dst.data) + begin * dst.stride, dst.stride, scratch.data());
  });
}

void blend(const ImageView& image, const Plane& alpha, const BlendOptions& options, const MutableImageView& dst,
           int threads) {
  kernels::Blend job = blend_job(image, options, dst);
  job.alpha = alpha.data;
  job.alpha_stride = alpha.stride;
  parallel_rows(threads, image.height, [&](std::int32_t begin, std::int32_t end) {
    with_packed(image, job, begin, end, [](const kernels::Blend& part, std::int32_t from, std::int32_t upto) {
      kernels::active().blend(part, 0, upto - from);
    });
  });
}

void cutout(const ImageView& image, const MaskResizer& resizer, const BlendOptions& options,
            const MutableImageView& dst, int threads) {
  const kernels::Blend mix = blend_job(image, options, dst);
  parallel_rows(threads, image.height, [&](std::int32_t begin, std::int32_t end) {
    Buffer scratch(resizer.scratch_bytes());
    Buffer alpha;
    with_packed(image, mix, begin, end, [&](const kernels::Blend& part, std::int32_t from, std::int32_t upto) {
      if (resizer.fuses()) {
        resizer.cut(part, from, upto, scratch.data());
      } else {
        cut_by_bands(resizer, part, from, upto, alpha, scratch.data());
      }
    });
  });
}

}  // namespace rmbg
