#include "pipeline/packed_rows.hpp"

#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"

namespace rmbg {
namespace {

std::ptrdiff_t packed_bytes(const ImageView& image, Sample sample) {
  return image.width * image.channels * bytes_of(sample);
}

kernels::Pack pack_job(const ImageView& image, Sample sample, void* dst) {
  return {image.data,
          image.stride,
          image.pixel_stride,
          image.channel_stride,
          image.width,
          image.channels,
          image.sample == Sample::u16,
          image.sample != sample,
          dst,
          packed_bytes(image, sample)};
}

}  // namespace

PackedRows::PackedRows(const ImageView& image, Sample sample)
    : image_(image), sample_(sample), row_bytes_(packed_bytes(image, sample)) {}

ImageView PackedRows::open(std::int32_t first, std::int32_t last) {
  rows_.reserve(static_cast<std::size_t>(row_bytes_) * static_cast<std::size_t>(last - first));
  first_ = done_ = first;
  return packed_view(rows_.data(), image_.width, image_.height, image_.channels, row_bytes_, sample_);
}

void PackedRows::need(std::int32_t first, std::int32_t last) {
  first = std::max(first, done_);
  if (first >= last) return;
  kernels::Pack job = pack_job(image_, sample_, static_cast<char*>(rows_.data()) + (first - first_) * row_bytes_);
  job.src = static_cast<const char*>(job.src) + first * job.src_stride;
  kernels::active().pack(job, 0, last - first);
  done_ = last;
}

ImageView packed_picture(const ImageView& image, Buffer& buffer, int threads) {
  if (is_packed(image)) return image;
  const std::ptrdiff_t row = packed_bytes(image, image.sample);
  buffer.reserve(static_cast<std::size_t>(row) * static_cast<std::size_t>(image.height));
  const kernels::Pack job = pack_job(image, image.sample, buffer.data());
  parallel_rows(threads, image.height,
                [&](std::int32_t begin, std::int32_t end) { kernels::active().pack(job, begin, end); });
  return packed_view(buffer.data(), image.width, image.height, image.channels, row, image.sample);
}

}  // namespace rmbg
