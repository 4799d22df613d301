#include "codecs/copy_pixels.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"

namespace rmbg::codecs {
namespace {

constexpr std::ptrdiff_t kLine = 64;    // bytes of a cache line: pixels further apart lie on their side
constexpr std::int32_t kTileRows = 16;  // of the result; a tile reads some lines wholly while they are in the cache
constexpr std::int32_t kTileColumns = 64;

// Rows [begin, end) of a picture on its side, whose neighbours in a row lie a row apart, tile by tile.
template <std::size_t kPixel>
void copy_tiles(const ImageView& image, char* to, std::int32_t begin, std::int32_t end) {
  const auto* from = static_cast<const char*>(image.data);
  const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(kPixel) * image.width;
  for (std::int32_t top = begin; top < end; top += kTileRows) {
    const std::int32_t bottom = std::min(end, top + kTileRows);
    for (std::int32_t left = 0; left < image.width; left += kTileColumns) {
      const std::int32_t right = std::min(image.width, left + kTileColumns);
      for (std::int32_t y = top; y < bottom; ++y) {
        for (std::int32_t x = left; x < right; ++x) {
          std::memcpy(to + y * row + x * static_cast<std::ptrdiff_t>(kPixel),
                      from + y * image.stride + x * image.pixel_stride, kPixel);
        }
      }
    }
  }
}

using CopyTiles = void (*)(const ImageView&, char*, std::int32_t, std::int32_t);

// Where whole pixels are copied at a time.
CopyTiles tiles_of(const ImageView& image) {
  const std::ptrdiff_t sample = bytes_of(image.sample);
  const bool whole = image.channels == 1 || image.channel_stride == sample;
  if (!whole || std::abs(image.pixel_stride) < kLine) return nullptr;
  switch (image.channels * sample) {
    case 1:
      return copy_tiles<1>;
    case 2:
      return copy_tiles<2>;
    case 3:
      return copy_tiles<3>;
    case 4:
      return copy_tiles<4>;
    case 6:
      return copy_tiles<6>;
    default:
      return copy_tiles<8>;
  }
}

}  // namespace

void copy_pixels(const ImageView& image, void* to, int threads) {
  const bool wide = image.sample == Sample::u16;
  const kernels::Pack pack{image.data,
                           image.stride,
                           image.pixel_stride,
                           image.channel_stride,
                           image.width,
                           image.channels,
                           wide,
                           false,
                           to,
                           image.width * image.channels * bytes_of(image.sample)};
  const CopyTiles tiles = tiles_of(image);
  parallel_rows(threads, image.height, [&](std::int32_t begin, std::int32_t end) {
    if (tiles) {
      tiles(image, static_cast<char*>(to), begin, end);
    } else {
      kernels::active().pack(pack, begin, end);
    }
  });
}

}  // namespace rmbg::codecs
