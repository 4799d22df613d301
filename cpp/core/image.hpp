// A borrowed picture: rows of packed, interleaved samples at any row stride, negative ones included.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rmbg {

enum class Sample : std::uint8_t { u8, u16 };

constexpr std::int32_t kMaxSide = 1 << 20;  // keeps every row offset and tap index inside 32 bits

struct ImageView {
  const void* data;
  std::int32_t width;
  std::int32_t height;
  std::int32_t channels;  // 1 grey, 3 RGB, 4 RGBA (straight alpha)
  std::ptrdiff_t stride;  // bytes from one row to the next
  Sample sample = Sample::u8;
};

struct MutableImageView {
  void* data;
  std::int32_t width;
  std::int32_t height;
  std::int32_t channels;
  std::ptrdiff_t stride;
  Sample sample = Sample::u8;
};

}  // namespace rmbg
