// The pixels of a PNG from its inflated image data: the inverse of the filters of section 9 of the PNG specification.
#pragma once

#include <cstdint>

namespace rmbg::codecs {

// `filtered` has `height` rows, each a filter type and `row_bytes` bytes; `rows`, which must not overlap it, takes
// height x row_bytes bytes. pixel_bytes is 1 (of samples below 8 bits too), 2, 3, 4, 6 or 8 and divides row_bytes.
// Returns the number of rows that are done: less than `height` where the filter type of the next one is none of 0..4.
std::int64_t png_unfilter(const std::uint8_t* filtered, std::int64_t height, std::int64_t row_bytes,
                          std::int64_t pixel_bytes, std::uint8_t* rows);

}  // namespace rmbg::codecs
