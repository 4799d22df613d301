// The table of a tier, of the bodies that its file includes.
#pragma once

#include "net/kernels.hpp"

namespace {

constexpr rmbg::net::Kernels table(const char* name) {
  return {
      .name = name,
      .winograd_input = {winograd_input<F4x4>, winograd_input<F6x6>, winograd_input<F5x5>},
      .winograd_weights = {winograd_weights<F4x4>, winograd_weights<F6x6>, winograd_weights<F5x5>},
      .winograd_output = {winograd_output<F4x4>, winograd_output<F6x6>, winograd_output<F5x5>},
      .multiply = multiply,
      .direct = direct,
      .dot = dot,
      .sample = sample,
      .sample_plane = sample_plane,
      .max_pool = max_pool,
      .add = add,
      .gather = gather,
      .finish = finish,
      .sigmoid = sigmoid,
      .gate = gate,
      .sum = sum,
#if defined(__wasm__)
      .token = nullptr,
      .keys = nullptr,
      .softmax = nullptr,
      .normalize = nullptr,
      .gelu = nullptr,
      .spread = nullptr,
#else
      .token = token,
      .keys = keys,
      .softmax = softmax,
      .normalize = normalize,
      .gelu = gelu,
      .spread = spread,
#endif
  };
}

}  // namespace
