// The operators of the domain `rmbg_fast`, on the CPU: `Network`, a plan (cpp/net) as one node of an ONNX graph,
// `WindowAttention` (attention_op.hpp) and `LinearLayers` (linear_layers_op.hpp). Inputs of the first: the weights, a
// constant; then the network's own, float32 N x C x H x W. Attribute `plan`: a list of integers.
#pragma once

#include <memory>

#include "net/kernels.hpp"
#include "ort/abi.hpp"

namespace rmbg::ort {

class NetworkOp {
 public:
  // Kernels run on the process's pool, on `threads` threads with the one that calls.
  NetworkOp(const net::Kernels& kernels, int threads);
  ~NetworkOp();
  NetworkOp(const NetworkOp&) = delete;
  NetworkOp& operator=(const NetworkOp&) = delete;

  // The options, and the sessions made with them, must not outlive this object. Throws Error(option).
  void add_to(OrtSessionOptions* options) const;
  const OrtCustomOp* custom_op() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rmbg::ort
