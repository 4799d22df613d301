// How a 3x3 or 7x7 convolution of stride 1 is best done, and how a deformable one is cut.
#pragma once

#include "net/schedule.hpp"

namespace rmbg::net {

struct Workload {
  int window;                 // 3 or 7
  int images, height, width;  // of the output
  int input_blocks, output_blocks;
  int dilation;
  double seen_taps;  // over the pixels of an image: taps that lie inside the input
};

struct Choice {
  bool winograd;  // or directly
  Winograd variant;
};

// Depends on the convolution alone: the same on every machine, and so are the results.
Choice cheapest(const Workload& job);

// Depends on the machine too. Measured on IS-Net, layer by layer (docs/convolution.md).
Cut cut_for(const Workload& job, Winograd variant, const Machine& machine);

// Floats that a worker needs for a job: transformed weights (unless shared), inputs and products.
std::size_t scratch_floats(const Cut& cut, Winograd variant);

// From so many blocks of inputs on it pays to pack the pixels of a 1x1 convolution (docs/convolution.md).
inline constexpr int kPackedInputs = 6;

// Of a 1x1 convolution: jobs of `tile_groups` times kTiles pixels, each with all inputs and outputs.
Cut cut_for_pixels(const Workload& job, const Machine& machine);

// Floats that a worker needs for such a job: the packed pixels.
std::size_t pixel_floats(const Cut& cut);

struct DeformableWorkload {
  int images, pixels;  // of the output
  int input_blocks, output_blocks;
  int end_blocks;  // of outputs of the 1x1 convolution behind it, or 0
  int taps;
};

// Jobs of `tile_groups` times kTiles pixels; each goes through the taps `pass` at a time, which are `inputs` blocks.
Cut cut_for_deformable(const DeformableWorkload& job, const Machine& machine);

// Floats that a worker needs for such a job: sampling points, samples, sums, and those of its end.
std::size_t scratch_floats(const Cut& cut, const DeformableWorkload& job);

}  // namespace rmbg::net
