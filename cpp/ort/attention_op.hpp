// The operator `WindowAttention` of the domain `rmbg_fast` (net/attention.hpp), on the CPU. Inputs: the bias of places, a
// constant; queries, keys and values of all tokens, float32 ... x 3 * channels; their bias. Output: ... x channels.
// Attribute `plan`: a list of integers.
#pragma once

#include "ort/custom_op.hpp"

namespace rmbg::ort {

Op make_attention_op(const net::Kernels& kernels, int threads);

}  // namespace rmbg::ort
