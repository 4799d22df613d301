#include "codecs/png_encode.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "codecs/deflate.hpp"
#include "core/buffer.hpp"
#include "core/error.hpp"
#include "core/mutex.hpp"
#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"

namespace rmbg::codecs {
namespace {

using u8 = std::uint8_t;

constexpr std::size_t kBandBytes = 1 << 20;
constexpr std::size_t kFrame = 12;  // of a chunk: length, type, checksum
constexpr u8 kSignature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::size_t kHeaderBytes = 13;
constexpr std::size_t kBandRoom = kFrame + 2 + 4 + 8;  // besides deflated_bound
constexpr std::size_t kSampledGroups = 32;             // of a row, for its filter

void big_endian(u8* to, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<u8>(value >> (24 - 8 * i));
}

// Rows as the file has them: packed, 16 bits with the higher byte first.
class FileRows {
 public:
  // `image` begins with row `top` of the picture.
  FileRows(const ImageView& image, std::int32_t top, std::size_t bytes) : image_(image), top_(top), bytes_(bytes) {
    as_they_are_ = image.sample == Sample::u8 && is_packed(image);
    memory_.reserve(as_they_are_ ? bytes : 3 * bytes);
    std::memset(memory_.data(), 0, bytes);
  }
  // Row y stays valid while the one after it is asked for. Row -1 is all zeros.
  const u8* operator()(std::int32_t y) {
    u8* const zeros = static_cast<u8*>(memory_.data());
    if (y < 0) return zeros;
    const u8* from = static_cast<const u8*>(image_.data) + (y - top_) * image_.stride;
    if (as_they_are_) return from;
    u8* to = zeros + bytes_ * static_cast<std::size_t>(1 + y % 2);
    const bool wide = image_.sample == Sample::u16;
    kernels::active().pack({from, image_.stride, image_.pixel_stride, image_.channel_stride, image_.width,
                            image_.channels, wide, false, to, 0},
                           0, 1);
    if (wide) {
      for (std::size_t i = 0; i < bytes_; i += 2) std::swap(to[i], to[i + 1]);
    }
    return to;
  }

 private:
  ImageView image_;
  std::int32_t top_;
  std::size_t bytes_;
  bool as_they_are_;
  Buffer memory_;
};

bool all_zero(const u8* p, std::size_t n) { return p[0] == 0 && std::memcmp(p, p + 1, n - 1) == 0; }

// By the sums of `groups` groups of its bytes.
Filter choose_filter(const CodecTable& table, const FilterRow& row, std::size_t groups) {
  std::uint64_t costs[kFilters];
  table.costs(row, std::max(kGroup, row.bytes / groups), costs);
  // Empty rows are no matter of the filter, but their type byte then goes on with the run.
  if (costs[kNone] == 0 && all_zero(row.row, row.bytes)) return kNone;
  Filter best = kUp;
  for (const Filter filter : {kSub, kPaeth, kAverage, kNone}) {
    if (costs[filter] < costs[best]) best = filter;
  }
  return best;
}

// Rows, filtered one behind the other.
class RowFilter {
 public:
  RowFilter(const CodecTable& table, const ImageView& image, std::int32_t top, const PngBands& bands,
            std::size_t groups)
      : table_(table), bands_(bands), groups_(groups), rows_(image, top, bands.row - 1) {}

  void begin(std::int32_t y) {
    y_ = y;
    above_ = rows_(y - 1);
  }
  // The next row, behind its filter's byte.
  void next(u8* dst) {
    const FilterRow row{rows_(y_), above_, bands_.row - 1, bands_.pixel};
    const Filter filter = choose_filter(table_, row, groups_);
    *dst = filter;
    table_.filter(filter, row, dst + 1);
    above_ = row.row;
    ++y_;
  }

 private:
  const CodecTable& table_;
  const PngBands& bands_;
  std::size_t groups_;
  FileRows rows_;
  std::int32_t y_ = 0;
  const u8* above_ = nullptr;
};

// One thread's memory, for one band after the other.
class BandEncoder {
 public:
  BandEncoder(const CodecTable& table, const ImageView& image, std::int32_t top, const PngBands& bands)
      : bands_(bands), rows_(table, image, top, bands, kSampledGroups), deflater_(table, bands.bytes(0)) {}

  // The deflated rows at `to`, with the head of zlib's stream before the first. Gives their end.
  u8* encode(std::int32_t band, u8* to) {
    if (band == 0) {
      *to++ = 0x78;  // deflate with a window of 32 KiB
      *to++ = 0x01;
    }
    deflater_.begin_band(to);
    const std::int32_t end = bands_.end(band);
    std::size_t filled = 0;
    rows_.begin(bands_.first(band));
    for (std::int32_t y = bands_.first(band); y < end; ++y) {
      rows_.next(deflater_.data() + filled);
      filled += bands_.row;
      deflater_.add(filled, y + 1 == end);
    }
    return deflater_.end_band(band + 1 == bands_.count);
  }
  std::uint32_t adler() const { return deflater_.adler(); }

 private:
  const PngBands& bands_;
  RowFilter rows_;
  BandDeflater deflater_;
};

// Writes chunks one behind the other.
class ChunkWriter {
 public:
  ChunkWriter(const CodecTable& table, u8* at) : table_(table), at_(at) {}
  u8* at() const { return at_; }

  void raw(const u8* data, std::size_t bytes) {
    std::memcpy(at_, data, bytes);
    at_ += bytes;
  }
  void chunk(const char* type, const u8* data, std::size_t bytes) {
    big_endian(at_, static_cast<std::uint32_t>(bytes));
    std::memcpy(at_ + 4, type, 4);
    if (bytes) std::memcpy(at_ + 8, data, bytes);
    big_endian(at_ + 8 + bytes, table_.crc32(0, at_ + 4, bytes + 4));
    at_ += kFrame + bytes;
  }

 private:
  const CodecTable& table_;
  u8* at_;
};

void write_header(ChunkWriter& out, const ImageView& image) {
  constexpr u8 kColourTypes[] = {0, 0, 4, 2, 6};  // of 1 to 4 channels
  u8 header[kHeaderBytes] = {};
  big_endian(header, static_cast<std::uint32_t>(image.width));
  big_endian(header + 4, static_cast<std::uint32_t>(image.height));
  header[8] = image.sample == Sample::u16 ? 16 : 8;
  header[9] = kColourTypes[image.channels];
  out.raw(kSignature, sizeof kSignature);
  out.chunk("IHDR", header, sizeof header);
}

// The IDAT chunks of bands [first, end), side by side at last. Band k is encoded where `room` a band leaves it its own
// place, or at once behind the one before it where that is finished: with one thread nothing is moved.
class ImageData {
 public:
  ImageData(const CodecTable& table, const PngBands& bands, std::int32_t first, std::int32_t end, std::uint32_t adler,
            u8* to)
      : table_(table),
        bands_(bands),
        first_(first),
        last_(end),
        to_(to),
        end_(to),
        done_(static_cast<std::size_t>(end - first)),
        moved_(first),
        adler_(adler) {}

  u8* place(std::int32_t band) {
    const std::lock_guard lock(mutex_);
    return band == moved_ ? end_ : to_ + bands_.room() * static_cast<std::size_t>(band - first_);
  }
  void finish(std::int32_t band, u8* at, std::size_t deflated, std::uint32_t adler) {
    std::memcpy(at + 4, "IDAT", 4);
    const std::uint32_t crc = table_.crc32(0, at + 4, deflated + 4);
    const std::lock_guard lock(mutex_);
    this->band(band) = {at, deflated, crc, adler};
    for (; moved_ < last_ && this->band(moved_).at; ++moved_) append();
  }
  u8* end() const { return end_; }
  std::uint32_t adler() const { return adler_; }

 private:
  struct Band {
    u8* at;
    std::size_t deflated;
    std::uint32_t crc;
    std::uint32_t adler;
  };

  Band& band(std::int32_t k) { return done_[static_cast<std::size_t>(k - first_)]; }

  void append() {
    const Band& band = this->band(moved_);
    std::size_t bytes = band.deflated;
    std::uint32_t crc = band.crc;
    if (band.at != end_) std::memmove(end_ + 4, band.at + 4, bytes + 4);
    adler_ = moved_ == 0 ? band.adler : adler32_of_both(adler_, band.adler, bands_.bytes(moved_));
    if (moved_ + 1 == bands_.count) {
      big_endian(end_ + 8 + bytes, adler_);
      crc = table_.crc32(crc, end_ + 8 + bytes, 4);
      bytes += 4;
    }
    big_endian(end_, static_cast<std::uint32_t>(bytes));
    big_endian(end_ + 8 + bytes, crc);
    end_ += kFrame + bytes;
  }

  const CodecTable& table_;
  const PngBands& bands_;
  const std::int32_t first_;
  const std::int32_t last_;
  u8* to_;
  u8* end_;
  std::vector<Band> done_;
  std::int32_t moved_;  // the bands before it lie where they belong
  std::uint32_t adler_;
  Mutex mutex_;
};

// Of a file, or a piece, with so many rows.
std::size_t bound_of(const PngBands& bands, const std::vector<PngChunk>& chunks, std::int32_t rows) {
  std::size_t bytes = sizeof kSignature + 2 * kFrame + kHeaderBytes;
  for (const PngChunk& chunk : chunks) bytes += kFrame + chunk.bytes;
  return bytes + bands.room() * static_cast<std::size_t>((rows + bands.rows - 1) / bands.rows);
}

}  // namespace

PngBands::PngBands(const ImageView& image)
    : height(image.height),
      pixel(static_cast<std::size_t>(image.channels * bytes_of(image.sample))),
      row(pixel * static_cast<std::size_t>(image.width) + 1),
      rows(static_cast<std::int32_t>(std::clamp<std::size_t>(kBandBytes / row, 1, static_cast<std::size_t>(height)))),
      count((height + rows - 1) / rows) {}

std::int32_t PngBands::end(std::int32_t band) const { return std::min(height, first(band) + rows); }
std::size_t PngBands::bytes(std::int32_t band) const { return row * static_cast<std::size_t>(end(band) - first(band)); }
std::size_t PngBands::room() const { return deflated_bound(bytes(0)) + kBandRoom; }

PngWriter::PngWriter(const CodecTable& table, const ImageView& image, std::vector<PngChunk> chunks)
    : table_(table), bands_(image), image_(image), chunks_(std::move(chunks)) {}

std::size_t PngWriter::bound(std::int32_t rows) const { return bound_of(bands_, chunks_, rows); }

std::size_t PngWriter::write(const ImageView& rows, int threads, u8* to) {
  const std::int32_t first = written_;
  const std::int32_t count = (rows.height + bands_.rows - 1) / bands_.rows;
  ChunkWriter head(table_, to);
  if (first == 0) {
    write_header(head, image_);
    for (const PngChunk& chunk : chunks_) head.chunk(chunk.type, chunk.data, chunk.bytes);
  }
  ImageData data(table_, bands_, first, first + count, adler_, head.at());
  parallel_items(threads, count, [&](const auto& next) {
    std::optional<BandEncoder> encoder;  // not where the others have taken all
    for (std::int32_t k = 0; next(k);) {
      if (!encoder) encoder.emplace(table_, rows, bands_.first(first), bands_);
      u8* at = data.place(first + k);
      u8* end = encoder->encode(first + k, at + 8);
      data.finish(first + k, at, static_cast<std::size_t>(end - at) - 8, encoder->adler());
    }
  });
  written_ += count;
  adler_ = data.adler();
  ChunkWriter tail(table_, data.end());
  if (written_ == bands_.count) tail.chunk("IEND", nullptr, 0);
  return static_cast<std::size_t>(tail.at() - to);
}

std::size_t png_bound(const ImageView& image, const std::vector<PngChunk>& chunks) {
  const PngBands bands(image);
  const double roughly = static_cast<double>(bands.row + 64) * image.height;
  if (roughly > 0.5 * static_cast<double>(std::numeric_limits<std::ptrdiff_t>::max())) {
    fail(ErrorKind::image_too_large, "the picture is too large for memory");
  }
  return bound_of(bands, chunks, image.height);
}

std::size_t png_encode(const CodecTable& table, const ImageView& image, const std::vector<PngChunk>& chunks,
                       int threads, std::uint8_t* file) {
  return PngWriter(table, image, chunks).write(image, threads, file);
}

void png_filter(const CodecTable& table, const ImageView& image, int threads, std::uint8_t* rows) {
  const PngBands bands(image);
  parallel_rows(threads, image.height, [&](std::int32_t begin, std::int32_t end) {
    RowFilter filter(table, image, 0, bands, bands.row);
    filter.begin(begin);
    for (std::int32_t y = begin; y < end; ++y) filter.next(rows + bands.row * static_cast<std::size_t>(y));
  });
}

}  // namespace rmbg::codecs
