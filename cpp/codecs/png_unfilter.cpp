#include "codecs/png_unfilter.hpp"

#include <algorithm>
#include <vector>

#include "codecs/paeth.hpp"

namespace rmbg::codecs {
namespace {

using u8 = std::uint8_t;

// N bytes a pixel, so that `left` and `corner` stay in registers: what is left of the first pixel is 0.
template <int N, typename Predict>
void undo(const u8* src, const u8* above, std::int64_t bytes, u8* dst, Predict predict) {
  u8 left[N]{};
  u8 corner[N]{};
  for (std::int64_t x = 0; x < bytes; x += N) {
    for (int i = 0; i < N; ++i) {
      const u8 up = above[x + i];
      left[i] = static_cast<u8>(src[x + i] + predict(left[i], up, corner[i]));
      corner[i] = up;
      dst[x + i] = left[i];
    }
  }
}

template <int N>
bool undo_row(int type, const u8* src, const u8* above, std::int64_t bytes, u8* dst) {
  switch (type) {
    case 0:
      std::copy_n(src, bytes, dst);
      return true;
    case 1:
      undo<N>(src, above, bytes, dst, [](u8 left, u8, u8) { return left; });
      return true;
    case 2:
      for (std::int64_t x = 0; x < bytes; ++x) dst[x] = static_cast<u8>(src[x] + above[x]);
      return true;
    case 3:
      undo<N>(src, above, bytes, dst, [](u8 left, u8 up, u8) { return static_cast<u8>((left + up) >> 1); });
      return true;
    case 4:
      undo<N>(src, above, bytes, dst,
              [](u8 left, u8 up, u8 corner) { return static_cast<u8>(paeth(left, up, corner)); });
      return true;
    default:
      return false;
  }
}

template <int N>
std::int64_t undo_rows(const u8* filtered, std::int64_t height, std::int64_t bytes, u8* rows) {
  const std::vector<u8> zeros(static_cast<std::size_t>(bytes));
  const u8* above = zeros.data();
  for (std::int64_t y = 0; y < height; ++y) {
    const u8* src = filtered + y * (bytes + 1);
    u8* dst = rows + y * bytes;
    if (!undo_row<N>(src[0], src + 1, above, bytes, dst)) return y;
    above = dst;
  }
  return height;
}

}  // namespace

std::int64_t png_unfilter(const u8* filtered, std::int64_t height, std::int64_t row_bytes, std::int64_t pixel_bytes,
                          u8* rows) {
  switch (pixel_bytes) {
    case 1:
      return undo_rows<1>(filtered, height, row_bytes, rows);
    case 2:
      return undo_rows<2>(filtered, height, row_bytes, rows);
    case 3:
      return undo_rows<3>(filtered, height, row_bytes, rows);
    case 4:
      return undo_rows<4>(filtered, height, row_bytes, rows);
    case 6:
      return undo_rows<6>(filtered, height, row_bytes, rows);
    default:
      return undo_rows<8>(filtered, height, row_bytes, rows);
  }
}

}  // namespace rmbg::codecs
