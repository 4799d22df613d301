// The bodies as plain loops, compiled for the oldest CPU of the architecture.
#include "codecs/table.hpp"

namespace rmbg::codecs {

extern const CodecTable baseline_table;
constinit const CodecTable baseline_table = table("baseline");

}  // namespace rmbg::codecs
