// Linear layers of tokens, with what a transformer has around them: y = W n(x) + b, or y = V gelu(W n(x) + b) + c, where n
// is LayerNorm or nothing; then perhaps a residual. A tile of tokens goes through all of it in the cache: what lies between
// the two layers, four times the channels in Swin, is never written to memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/kernels.hpp"
#include "net/parallel.hpp"
#include "net/schedule.hpp"

namespace rmbg::net {

struct LinearLayers {
  int inputs;  // channels of a token: whole blocks, as the next two
  int hidden;  // between two layers, with GELU (that of erf); 0: there is one layer
  int outputs;
  bool norm;      // LayerNorm of the inputs
  float epsilon;  // of its variance
};

inline constexpr std::int64_t kLinearLayersVersion = 1;

// Reads the numbers that prepare wrote (python/rmbg_fast/_graphs/linear_layers.py). Throws Error(model).
LinearLayers decode_linear_layers(const std::int64_t* numbers, std::size_t count);

// Floats of `weights` below.
std::size_t weight_floats(const LinearLayers& layers);

struct LinearBuffers {
  const float* in;  // [token][inputs]
  // With `norm` its scale and shift, [2][inputs]. Then each layer: [block of outputs][input][16], and behind the inputs of
  // a block the bias of its outputs.
  const float* weights;
  const float* residual;  // [token][outputs]; null: there is none
  float* out;             // [token][outputs]; not `in` or `residual`
  float* scratch;         // threads * linear_scratch floats, on a cache line
};

// How the tokens are cut into jobs. It changes no result.
struct LinearCut {
  std::size_t tokens;  // of a job
  int chunk;           // blocks that a job has of what lies between the layers, or of outputs, at a time
};
LinearCut cut_of(const LinearLayers& layers, std::size_t tokens, const Machine& machine);

std::size_t linear_scratch(const LinearLayers& layers, const LinearCut& cut);  // floats a worker

// All tiers, cuts and numbers of threads give the same bits. False: it was cancelled. Throws what the current stop of this
// thread asks for (core/stop.hpp).
bool run_linear_layers(const LinearLayers& layers, std::size_t tokens, const LinearCut& cut,
                       const LinearBuffers& buffers, const Kernels& kernels, const Parallel& parallel);

}  // namespace rmbg::net
