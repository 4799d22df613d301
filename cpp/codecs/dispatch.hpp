// Which tier of the codecs runs: the one that goes with the kernels' (kernels/dispatch.hpp).
#pragma once

#include <vector>

#include "codecs/kernels.hpp"

namespace rmbg::codecs {

// Every tier that runs here, the reference first, the fastest last.
std::vector<const CodecTable*> tiers();
const CodecTable& active();

}  // namespace rmbg::codecs
