// Attention inside of shifted windows (Swin: Liu et al. 2021, arXiv:2103.14030), token by token as they lie: nothing is
// padded, rolled, cut into windows or put back. Every head of every window is softmax(q k' * scale + bias + mask) v.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/kernels.hpp"
#include "net/parallel.hpp"

namespace rmbg::net {

struct Windows {
  int height, width;  // tokens of the map, row by row
  int window;         // tokens of a window's side
  int shift;          // how far right and down windows begin; the map goes on at its other side. Below `window`
  int heads;
  int depth;    // channels of a head: whole blocks
  float scale;  // of the products of queries and keys
  // Added between tokens of a window that only the shift brings together: -infinity, or a number that stands for it; 0:
  // they do attend to each other. The parts of the map are those of a map padded to whole windows.
  float mask;
};

inline constexpr std::int64_t kWindowsVersion = 1;

// Reads the numbers that prepare wrote (python/rmbg_fast/_graphs/windows.py). Throws Error(model).
Windows decode_windows(const std::int64_t* numbers, std::size_t count);

inline std::size_t tokens_of(const Windows& w) {
  return static_cast<std::size_t>(w.height) * static_cast<std::size_t>(w.width);
}
inline std::size_t channels_of(const Windows& w) {
  return static_cast<std::size_t>(w.heads) * static_cast<std::size_t>(w.depth);
}
// Floats of `bias` below.
std::size_t bias_floats(const Windows& windows);

struct AttentionBuffers {
  const float* qkv;       // [image][token][3][heads][depth]: queries, keys, values, still without
  const float* qkv_bias;  // [3][heads][depth], which is also what a token of the padding has
  const float* bias;      // [heads][window^2][window^2 filled up to blocks with -infinity]: by place in the window
  float* out;             // [image][token][heads][depth]
  float* scratch;         // threads * attention_scratch floats, on a cache line
};

std::size_t attention_scratch(const Windows& windows);  // floats a worker

// All tiers and numbers of threads give the same bits. False: it was cancelled. Throws what the current stop of this
// thread asks for (core/stop.hpp).
bool attend(const Windows& windows, int images, const AttentionBuffers& buffers, const Kernels& kernels,
            const Parallel& parallel);

}  // namespace rmbg::net
