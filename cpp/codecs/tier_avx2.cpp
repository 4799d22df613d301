// The bodies for x86-64 with AVX2, BMI2 and carry-less multiplication (Haswell, Zen and later); the build gives this
// file those flags.
#include "codecs/table.hpp"

namespace rmbg::codecs {

extern const CodecTable avx2_table;
constinit const CodecTable avx2_table = table("avx2");

}  // namespace rmbg::codecs
