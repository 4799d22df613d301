// Pictures whose samples are not what the kernels read (16-bit ones where 8-bit are wanted, every second pixel,
// channels in reverse): brought together by strips of rows, so small that they stay in a cache, or large enough that
// kernels lose little by beginning anew at each.
#pragma once

#include <algorithm>

#include "core/buffer.hpp"
#include "core/image.hpp"

namespace rmbg {

class PackedRows {
 public:
  static constexpr std::ptrdiff_t kWindowBytes = 256 << 10;

  // Rows of `image` in `sample`s: its own, or narrower ones (v / 257, rounded).
  PackedRows(const ImageView& image, Sample sample);

  std::ptrdiff_t row_bytes() const { return row_bytes_; }
  // A view of the picture that begins at row `first`. Only rows [first, last) of the picture may be read in it, and of
  // those the ones that `need` then brings, in rising order.
  ImageView open(std::int32_t first, std::int32_t last);
  void need(std::int32_t first, std::int32_t last);

 private:
  ImageView image_;
  Sample sample_;
  std::ptrdiff_t row_bytes_;
  Buffer rows_;
  std::int32_t first_ = 0;
  std::int32_t done_ = 0;
};

// Calls run(view, top, y, next) for stretches of the output rows [begin, end); view is a packed picture of `sample`s
// that begins at row `top` of the whole one, and in which the source rows [first(i), first(i) + count(i)) of these
// outputs i can be read. first must not fall.
template <typename First, typename Count, typename Run>
void with_packed_rows(const ImageView& image, Sample sample, std::int32_t begin, std::int32_t end, First first,
                      Count count, Run run) {
  if (image.sample == sample && is_packed(image)) {
    run(image, 0, begin, end);
    return;
  }
  PackedRows rows(image, sample);
  for (std::int32_t y = begin, next = begin; y < end; y = next) {
    const std::int32_t from = first(y);
    std::int32_t upto = from;
    // Rows that two strips share are packed, and maybe filtered, twice.
    const std::int32_t least = from + 4 * count(y);
    const auto fits = [&](std::int32_t last) {
      return last <= least || (last - from) * rows.row_bytes() <= PackedRows::kWindowBytes;
    };
    do {
      upto = std::max(upto, first(next) + count(next));
      ++next;
    } while (next < end && fits(first(next) + count(next)));
    const ImageView view = rows.open(from, upto);
    for (std::int32_t i = y; i < next; ++i) rows.need(first(i), first(i) + count(i));
    run(view, from, y, next);
  }
}

// The whole picture, packed; in `buffer` where it is not yet.
ImageView packed_picture(const ImageView& image, Buffer& buffer, int threads);

}  // namespace rmbg
