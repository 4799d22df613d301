// What our operators have in common: how ONNX Runtime is told of one, and what it hands one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <vector>

#include "net/kernels.hpp"
#include "ort/handles.hpp"
#include "ort/library.hpp"
#include "ort/status.hpp"
#include "ort/tensors.hpp"

namespace rmbg::ort {

inline constexpr const char* kNetworkFailed = "the network cannot be run";

// Inputs and outputs are float32 tensors, as many as there are. The kernel's functions are left to fill in.
struct Op : OrtCustomOp {
  const net::Kernels* kernels;
  int threads;
};
Op make_op(const char* (*name)(const OrtCustomOp*), const net::Kernels& kernels, int threads);

// What an exception becomes where only a status may pass.
template <typename Action>
OrtStatus* guarded(const Action& action) noexcept {
  try {
    action();
    return nullptr;
  } catch (const std::exception& error) {
    return api().CreateStatus(ORT_FAIL, error.what());
  }
}

// The C API has no reading access to tensors; constants and inputs are not written to.
inline const float* values_of(const OrtValue* value) {
  return static_cast<const float*>(
      get<void*>(ErrorKind::inference, kNetworkFailed, api().GetTensorMutableData, const_cast<OrtValue*>(value)));
}

// The attribute `plan`. Throws Error(model).
std::vector<std::int64_t> plan_of(const OrtKernelInfo* info);

// Throws Error(model) where the input is not constant.
const OrtValue* constant_input(const OrtKernelInfo* info, std::size_t index);

std::size_t floats_of(const OrtValue* value);

inline const OrtValue* input_of(const OrtKernelContext* context, std::size_t index) {
  return get<const OrtValue*>(ErrorKind::inference, kNetworkFailed, api().KernelContext_GetInput, context, index);
}
std::size_t input_count(const OrtKernelContext* context);

// The memory of an output of this shape.
float* output_of(OrtKernelContext* context, std::size_t index, const std::vector<std::int64_t>& shape);

// For net::Parallel.
void run_on_threads(void*, void (*work)(void*, std::size_t), void* data, std::size_t count);

}  // namespace rmbg::ort
