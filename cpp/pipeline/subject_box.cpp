#include "pipeline/subject_box.hpp"

#include <algorithm>

#include "core/buffer.hpp"

namespace rmbg {
namespace {

constexpr std::int32_t kRows = 16;     // of a strip from above or below
constexpr std::int32_t kColumns = 64;  // of one from a side

// What is seen of one window: the first and the last row and column of it that show something.
struct Seen {
  std::int32_t left;
  std::int32_t right;
  std::int32_t top;
  std::int32_t bottom;
  bool any() const { return top <= bottom; }
};

template <typename T>
Seen look(const Plane& plane, T limit) {
  const std::int32_t width = plane.width;
  const std::int32_t height = plane.height;
  Seen seen{width, -1, height, -1};
  for (std::int32_t y = 0; y < height; ++y) {
    const T* row = reinterpret_cast<const T*>(static_cast<const char*>(plane.data) + y * plane.stride);
    T most{};
    for (std::int32_t x = 0; x < width; ++x) most = std::max(most, row[x]);
    if (!(most > limit)) continue;
    seen.top = std::min(seen.top, y);
    seen.bottom = y;
    const auto shows = [limit](T value) { return value > limit; };
    seen.left = std::min(seen.left, static_cast<std::int32_t>(std::find_if(row, row + width, shows) - row));
    std::int32_t last = width - 1;
    while (last > seen.right && !shows(row[last])) --last;
    seen.right = std::max(seen.right, last);
  }
  return seen;
}

Seen look(const Plane& plane) {
  if (plane.type == kernels::MaskType::u8) return look<std::uint8_t>(plane, 1);
  if (plane.type == kernels::MaskType::u16) return look<std::uint16_t>(plane, 257);
  return look<float>(plane, 1.0f / 255.0f);
}

class Looker {
 public:
  explicit Looker(const MaskResizer& alpha) : alpha_(alpha), scratch_(alpha.scratch_bytes()) {}

  Seen at(std::int32_t left, std::int32_t right, std::int32_t top, std::int32_t bottom) {
    const std::int32_t width = right - left;
    const std::int32_t height = bottom - top;
    const kernels::MaskType type = alpha_.type();
    const std::ptrdiff_t size = type == kernels::MaskType::u8 ? 1 : type == kernels::MaskType::u16 ? 2 : 4;
    rows_.reserve(static_cast<std::size_t>(width * size) * static_cast<std::size_t>(height));
    alpha_.part(left, right, top, bottom, rows_.data(), width * size, scratch_.data());
    return look(Plane{rows_.data(), width, height, width * size, type});
  }

 private:
  const MaskResizer& alpha_;
  Buffer scratch_;
  Buffer rows_;
};

}  // namespace

std::optional<Box> subject_box(const MaskResizer& alpha) {
  Looker looker(alpha);
  const Box reach = alpha.reach();
  Box box{reach.right, reach.bottom, reach.left, reach.top};
  for (std::int32_t y = reach.top; y < reach.bottom && box.top == reach.bottom; y += kRows) {
    const Seen seen = looker.at(reach.left, reach.right, y, std::min(y + kRows, reach.bottom));
    if (seen.any()) box = {reach.left + seen.left, y + seen.top, reach.left + seen.right + 1, y + seen.bottom + 1};
  }
  if (box.top == reach.bottom) return std::nullopt;
  for (std::int32_t y = reach.bottom; y > box.bottom;) {
    const std::int32_t from = std::max(y - kRows, box.bottom);
    const Seen seen = looker.at(reach.left, reach.right, from, y);
    if (seen.any()) {
      box.left = std::min(box.left, reach.left + seen.left);
      box.right = std::max(box.right, reach.left + seen.right + 1);
      box.bottom = from + seen.bottom + 1;
    }
    y = from;
  }
  for (std::int32_t x = reach.left; x < box.left; x += kColumns) {
    const Seen seen = looker.at(x, std::min(x + kColumns, box.left), box.top, box.bottom);
    if (seen.any()) box.left = x + seen.left;
  }
  for (std::int32_t x = reach.right; x > box.right;) {
    const std::int32_t from = std::max(x - kColumns, box.right);
    const Seen seen = looker.at(from, x, box.top, box.bottom);
    if (seen.any()) box.right = from + seen.right + 1;
    x = from;
  }
  return box;
}

std::optional<Box> subject_box(const Plane& alpha) {
  const Seen seen = look(alpha);
  if (!seen.any()) return std::nullopt;
  return Box{seen.left, seen.top, seen.right + 1, seen.bottom + 1};
}

}  // namespace rmbg
