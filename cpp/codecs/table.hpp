// The table of a tier, of the bodies as its file compiles them.
#pragma once

#include "codecs/body_checksum.hpp"
#include "codecs/body_filter.hpp"
#include "codecs/body_tokens.hpp"
#include "codecs/body_write.hpp"
#include "codecs/kernels.hpp"

namespace {

constexpr rmbg::codecs::CodecTable table(const char* name) {
  return {
      .name = name,
      .filter = filter,
      .costs = costs,
      .runs = runs,
      .matches = matches,
      .repeats = repeats,
      .write = write,
      .adler32 = adler32,
      .crc32 = crc32,
  };
}

}  // namespace
