// kernels.ptx as the build embeds it.
#pragma once

namespace rmbg::cuda {

extern const unsigned char kKernelsPtx[];  // text with a zero at its end

}  // namespace rmbg::cuda
