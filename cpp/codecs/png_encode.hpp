// PNG files (third edition of the specification, W3C), written fast: size near that of zlib's level 1.
//
// The rows are cut into bands of about 1 MiB, by the picture's shape alone, and the bands encoded by several threads.
// The bytes do not depend on how many, nor on the tier. Each row gets the filter whose residuals' sum is least on a
// sample of it; bands end at a whole byte, in an empty stored block, and become an IDAT chunk each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codecs/kernels.hpp"
#include "core/image.hpp"

namespace rmbg::codecs {

// An ancillary chunk before the image data, written as it is.
struct PngChunk {
  char type[4];
  const std::uint8_t* data;
  std::size_t bytes;
};

// An upper bound of the file's size; the encoder needs as much memory at its destination. It is the sum of
//   8 + 25 + 12          signature, IHDR, IEND
//   12 + bytes           of each chunk
//   deflated_bound(n)    of each band of n filtered bytes (deflate.hpp has the proof), 12 for its chunk, 2 + 4 for the
//                        head and the checksum of zlib's stream, and 8 that the last step may write beyond its bits.
// A band has at least 1 byte a row more than its pixels. In all: below pixels x (1 + 1/5000) + 64 a row for each row
// longer than 1 MiB, and pixels + rows + 80 for small pictures. Throws Error(image_too_large) where it does not fit
// ptrdiff_t.
std::size_t png_bound(const ImageView& image, const std::vector<PngChunk>& chunks);

// Writes the file of `image`, 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA, straight alpha) channels of 8 or 16
// bits at any strides, to `file`, png_bound bytes, and gives its size. Throws std::bad_alloc.
std::size_t png_encode(const CodecTable& table, const ImageView& image, const std::vector<PngChunk>& chunks,
                       int threads, std::uint8_t* file);

// How the filtered rows of a picture are cut into bands. Sizes in bytes.
struct PngBands {
  explicit PngBands(const ImageView& image);

  std::int32_t first(std::int32_t band) const { return band * rows; }
  std::int32_t end(std::int32_t band) const;
  std::size_t bytes(std::int32_t band) const;
  std::size_t room() const;  // of the chunk of any of them

  std::int32_t height;
  std::size_t pixel;
  std::size_t row;     // with its filter's byte
  std::int32_t rows;   // of every band but the last
  std::int32_t count;  // of bands
};

// The same file in pieces, as its rows come.
class PngWriter {
 public:
  // The samples of `image` are not looked at.
  PngWriter(const CodecTable& table, const ImageView& image, std::vector<PngChunk> chunks);

  // Rows of a piece: a multiple of this, but for the last one.
  std::int32_t band_rows() const { return bands_.rows; }
  // An upper bound of a piece of so many rows.
  std::size_t bound(std::int32_t rows) const;
  // The next `rows`, a picture of their own, as bytes at `to`, of which it gives the number. Above the first row lies the
  // one before it, where there is one.
  std::size_t write(const ImageView& rows, int threads, std::uint8_t* to);

 private:
  const CodecTable& table_;
  const PngBands bands_;
  const ImageView image_;
  const std::vector<PngChunk> chunks_;
  std::int32_t written_ = 0;  // bands
  std::uint32_t adler_ = 1;
};

// The filtered rows alone, each behind the byte of its filter: height x (1 + bytes of a row) at `rows`. Each
// row's filter is chosen by all of its bytes, for encoders that take their time.
void png_filter(const CodecTable& table, const ImageView& image, int threads, std::uint8_t* rows);

}  // namespace rmbg::codecs
