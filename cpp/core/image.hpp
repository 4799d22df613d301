// A borrowed picture: interleaved samples at any strides, negative ones included.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rmbg {

enum class Sample : std::uint8_t { u8, u16 };

inline std::ptrdiff_t bytes_of(Sample sample) { return sample == Sample::u16 ? 2 : 1; }

constexpr std::int32_t kMaxSide = 1 << 20;  // keeps every row offset and tap index inside 32 bits

struct ImageView {
  const void* data;
  std::int32_t width;
  std::int32_t height;
  std::int32_t channels;  // 1 grey, 3 RGB, 4 RGBA (straight alpha)
  std::ptrdiff_t stride;  // bytes from one row to the next
  Sample sample;
  std::ptrdiff_t pixel_stride;    // bytes from one pixel to the next
  std::ptrdiff_t channel_stride;  // bytes from one of its samples to the next
};

// With the samples of a row one behind the other.
inline ImageView packed_view(const void* data, std::int32_t width, std::int32_t height, std::int32_t channels,
                             std::ptrdiff_t stride, Sample sample) {
  return {data, width, height, channels, stride, sample, channels * bytes_of(sample), bytes_of(sample)};
}

// Packed, and every sample where its type may lie.
inline bool is_packed(const ImageView& view) {
  const std::ptrdiff_t size = bytes_of(view.sample);
  const bool aligned = (reinterpret_cast<std::uintptr_t>(view.data) | static_cast<std::uintptr_t>(view.stride)) %
                           static_cast<std::uintptr_t>(size) ==
                       0;
  return view.channel_stride == size && view.pixel_stride == view.channels * size && aligned;
}

struct MutableImageView {
  void* data;
  std::int32_t width;
  std::int32_t height;
  std::int32_t channels;
  std::ptrdiff_t stride;  // its rows are packed
  Sample sample;
};

}  // namespace rmbg
