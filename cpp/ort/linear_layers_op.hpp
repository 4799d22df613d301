// The operator `LinearLayers` of the domain `rmbg_fast` (net/linear_layers.hpp), on the CPU. Inputs: the weights, a constant;
// tokens, float32 ... x inputs; perhaps a residual, as many tokens x outputs, whose shape the output then has. Output: ... x
// outputs. Attribute `plan`: a list of integers.
#pragma once

#include "ort/custom_op.hpp"

namespace rmbg::ort {

Op make_linear_layers_op(const net::Kernels& kernels, int threads);

}  // namespace rmbg::ort
