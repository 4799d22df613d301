// What the parts of check_codecs share: the tiers, and bytes like those of pictures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "checking.hpp"
#include "codecs/dispatch.hpp"

namespace {

using namespace rmbg;
using namespace rmbg::codecs;
using checking::Random;
using Bytes = std::vector<std::uint8_t>;
using Tiers = std::vector<const CodecTable*>;

void expect(bool right, const CodecTable& tier, const std::string& what) {
  if (!right) checking::fail(tier.name, what);
}

// Bytes like those of pictures and of their residuals: noise, constants, slopes, runs, repeats, words from a few.
void fill(Random& random, std::uint8_t* data, std::size_t bytes) {
  const std::int32_t kind = random.between(0, 8);
  const std::uint8_t constant = random.pick<std::uint8_t>({0, 0, 1, 128, 255});
  const std::int32_t rare = random.pick({2, 9, 40, 300});
  const std::int32_t period = random.between(1, random.pick({4, 16, 300, 40000}));
  const std::int32_t range = random.pick({2, 3, 6, 30});
  for (std::size_t i = 0; i < bytes; ++i) {
    const std::uint8_t before = i ? data[i - 1] : 0;
    switch (kind) {
      case 0:
        data[i] = random.byte();
        break;
      case 1:
        data[i] = constant;
        break;
      case 2:
        data[i] = static_cast<std::uint8_t>(before + random.between(-1, 2));
        break;
      case 3:
        data[i] = random.one_in(rare) ? random.byte() : 0;
        break;
      case 4:
        data[i] = random.one_in(rare) ? random.byte() : before;
        break;
      case 5:
        data[i] = i >= static_cast<std::size_t>(period) && !random.one_in(10 * rare)
                      ? data[i - static_cast<std::size_t>(period)]
                      : random.byte();
        break;
      case 6:
        data[i] = static_cast<std::uint8_t>(random.between(0, range));
        break;
      case 7:  // residuals of a smooth picture
        data[i] = random.one_in(10 * rare)
                      ? random.byte()
                      : static_cast<std::uint8_t>(random.between(-range, range) >> random.between(0, 4));
        break;
      default:
        data[i] = random.one_in(rare) ? constant : static_cast<std::uint8_t>(random.between(-1, 1));
    }
  }
}

}  // namespace
