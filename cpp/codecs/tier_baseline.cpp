// The bodies as plain loops, compiled for the oldest CPU of the architecture.
#include "codecs/body_checksum.hpp"
#include "codecs/body_filter.hpp"
#include "codecs/body_tokens.hpp"
#include "codecs/body_write.hpp"

namespace rmbg::codecs {

extern const CodecTable baseline_table;
const CodecTable baseline_table = {"baseline", filter, costs, runs, matches, repeats, write, adler32, crc32};

}  // namespace rmbg::codecs
