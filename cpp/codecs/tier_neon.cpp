// The bodies for aarch64, where NEON is part of the architecture: plain loops that the compiler vectorises.
#include "codecs/table.hpp"

namespace rmbg::codecs {

extern const CodecTable neon_table;
constinit const CodecTable neon_table = table("neon");

}  // namespace rmbg::codecs
