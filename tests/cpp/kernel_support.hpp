// Random jobs and what compares the tiers' results with the reference's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "checking.hpp"
#include "core/buffer.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/kernels.hpp"

namespace {

using namespace rmbg;
using checking::text;
using kernels::KernelTable;

class Random : public checking::Random {
 public:
  using checking::Random::Random;
  std::int32_t side() { return one_in(6) ? 1 : between(1, pick({4, 20, 70})); }

  // Any bytes, or only the two ends of the range, or nothing but the upper end.
  void fill(std::uint8_t* bytes, std::size_t count) {
    const std::int32_t kind = between(0, 3);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint8_t any = byte();
      bytes[i] = kind == 0 ? 255 : kind == 1 ? (any & 1 ? 255 : 0) : any;
    }
  }
};

struct Size {
  std::int32_t width;
  std::int32_t height;
};

Size random_size(Random& random) {
  if (random.one_in(8)) return {random.between(150, 300), 3};
  if (random.one_in(12)) return {3, random.between(150, 300)};
  if (random.one_in(40)) return {random.between(300, 3000), random.between(1, 4)};
  return {random.side(), random.side()};
}

// Rows of samples somewhere in one allocation: `guard` bytes around them, any padding between them, either way up.
class Rows {
 public:
  Rows(Random& random, Size size, std::int32_t pixel_bytes, std::int32_t sample_bytes, std::size_t guard) {
    const std::ptrdiff_t row = std::ptrdiff_t{size.width} * pixel_bytes;
    stride = row + (random.one_in(2) ? 0 : random.between(1, 40) * sample_bytes);
    total_ = 2 * guard + static_cast<std::size_t>(stride * (size.height - 1) + row);
    bytes_ = std::make_unique<std::uint8_t[]>(total_);
    random.fill(bytes_.get(), total_);
    first = bytes_.get() + guard;
    if (random.one_in(4)) {
      first += stride * (size.height - 1);
      stride = -stride;
    }
  }
  std::vector<std::uint8_t> copy() const { return {bytes_.get(), bytes_.get() + total_}; }
  void restore(const std::vector<std::uint8_t>& saved) { std::copy(saved.begin(), saved.end(), bytes_.get()); }

  std::uint8_t* first;
  std::ptrdiff_t stride;

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t total_;
};

std::size_t random_guard(Random& random, std::int32_t sample_bytes) {
  return static_cast<std::size_t>(64 + random.between(0, 15) * sample_bytes);
}

[[noreturn]] void fail(const KernelTable& tier, const std::string& job, const std::string& what) {
  checking::fail(std::string(tier.name) + ", " + job, what);
}

using Band = std::function<void(const KernelTable&, std::int32_t row_begin, std::int32_t row_end)>;
using Tiers = std::vector<const KernelTable*>;

// Runs some of the rows, at once in the reference, in random bands in each tier. Whatever lies around them must stay.
void compare(Random& random, const Tiers& tiers, const std::string& job, std::int32_t height, Rows& dst,
             const Band& run) {
  std::vector<std::int32_t> cuts{0, height};
  if (random.one_in(3)) cuts = {random.between(0, height), random.between(0, height)};
  for (std::int32_t more = random.between(0, 3); more > 0; --more) {
    cuts.push_back(random.between(std::min(cuts[0], cuts[1]), std::max(cuts[0], cuts[1])));
  }
  std::sort(cuts.begin(), cuts.end());
  const std::vector<std::uint8_t> before = dst.copy();
  run(kernels::reference_table, cuts.front(), cuts.back());
  const std::vector<std::uint8_t> expected = dst.copy();
  for (const KernelTable* tier : tiers) {
    dst.restore(before);
    for (std::size_t i = 1; i < cuts.size(); ++i) run(*tier, cuts[i - 1], cuts[i]);
    const std::vector<std::uint8_t> got = dst.copy();
    const auto at = std::mismatch(got.begin(), got.end(), expected.begin());
    if (at.first == got.end()) continue;
    std::string what = text("difference", {{"at_byte", double(at.first - got.begin())},
                                           {"of", double(got.size())},
                                           {"is", *at.first},
                                           {"not", *at.second}});
    for (const std::int32_t cut : cuts) what += text("", {{"cut", cut}});
    fail(*tier, job, what);
  }
}

// Scratch full of -1, or of the largest integers: to be overwritten before it is read.
void* garbage(Buffer& scratch, std::size_t bytes) {
  static bool largest = false;
  largest = !largest;
  scratch.reserve(bytes);
  auto* to = static_cast<std::uint8_t*>(scratch.data());
  for (std::size_t i = 0; i < bytes; ++i) to[i] = largest && i % 4 == 3 ? 0x7f : 0xff;
  return to;
}

// Tables to the byte, so that an address sanitizer sees reads beyond them.
template <typename Table>
Table exact(Table table) {
  table.first.shrink_to_fit();
  table.count.shrink_to_fit();
  table.weights.shrink_to_fit();
  return table;
}

}  // namespace
