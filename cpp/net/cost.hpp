// What a 3x3 convolution costs by each way of doing it, and the cheapest.
#pragma once

#include "net/schedule.hpp"

namespace rmbg::net {

struct Convolution {
  int images, height, width;  // of the output
  int input_blocks, output_blocks;
  int dilation;
  double seen_taps;  // over the pixels of an image: taps that lie inside the input
};

struct Choice {
  bool winograd;
  Winograd variant;
  Cut cut;
};

// The variant depends on the convolution alone, or results would change with the machine; the cut on the machine too.
Choice cheapest(const Convolution& job, const Machine& machine);

// Floats that a worker needs for a job: transformed weights (unless shared), inputs and products.
std::size_t scratch_floats(const Cut& cut, Winograd variant);

}  // namespace rmbg::net
