// Parts of rows that lie elsewhere: ends of rows, copied because bytes beyond are not ours to read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

// Where a row would begin whose byte `from` lies at p.
template <typename Byte>
inline Byte* row_of_byte(Byte* p, std::ptrdiff_t from) {
  return reinterpret_cast<Byte*>(reinterpret_cast<std::uintptr_t>(p) - static_cast<std::uintptr_t>(from));
}

// Room for the end of a row, if it is that short, and 8 bytes more.
class RowEnd {
 public:
  static bool fits(std::ptrdiff_t bytes) { return bytes <= kBytes; }

  // Bytes [from, end) of a row; gives where that row would begin.
  const std::uint8_t* copy(const std::uint8_t* row, std::ptrdiff_t from, std::ptrdiff_t end) {
    std::memcpy(bytes_, row + from, static_cast<std::size_t>(end - from));
    return row_of_byte<const std::uint8_t>(bytes_, from);
  }

 private:
  static constexpr std::ptrdiff_t kBytes = 248;
  std::uint8_t bytes_[kBytes + 8];
};

}  // namespace
