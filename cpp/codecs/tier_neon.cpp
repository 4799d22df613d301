// The bodies for aarch64, where NEON is part of the architecture: plain loops that the compiler vectorises.
#include "codecs/body_checksum.hpp"
#include "codecs/body_filter.hpp"
#include "codecs/body_tokens.hpp"
#include "codecs/body_write.hpp"

namespace rmbg::codecs {

extern const CodecTable neon_table;
const CodecTable neon_table = {"neon", filter, costs, runs, matches, repeats, write, adler32, crc32};

}  // namespace rmbg::codecs
