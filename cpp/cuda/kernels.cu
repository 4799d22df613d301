// The kernels' entries: kernels.ptx is made of this by scripts/make_ptx.sh.
#include "cuda/samples.hpp"

namespace {

// Rows beyond the largest grid are gone through by its last dimension's stride.
template <typename Job>
__device__ void each(const Job& job, unsigned width, unsigned height) {
  const unsigned x = blockIdx.x * blockDim.x + threadIdx.x;
  if (x >= width) return;
  for (unsigned y = blockIdx.y * blockDim.y + threadIdx.y; y < height; y += gridDim.y * blockDim.y) {
    rmbg::cuda::run(job, static_cast<std::int32_t>(x), static_cast<std::int32_t>(y));
  }
}

}  // namespace

#define RMBG_ENTRY(name, Job) \
  extern "C" __global__ void name(rmbg::cuda::Job job, unsigned width, unsigned height) { each(job, width, height); }
RMBG_DEVICE_KERNELS(RMBG_ENTRY)
