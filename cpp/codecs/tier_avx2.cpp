// The bodies for x86-64 with AVX2, BMI2 and carry-less multiplication (Haswell, Zen and later); the build gives this
// file those flags.
#include "codecs/body_checksum.hpp"
#include "codecs/body_filter.hpp"
#include "codecs/body_tokens.hpp"
#include "codecs/body_write.hpp"

namespace rmbg::codecs {

extern const CodecTable avx2_table;
const CodecTable avx2_table = {"avx2", filter, costs, runs, matches, repeats, write, adler32, crc32};

}  // namespace rmbg::codecs
