// The execution providers beside the CPU's, which every session has. A new one is one more append function.
#pragma once

#include <filesystem>
#include <string>

#include "ort/abi.hpp"
#include "ort/session.hpp"

namespace rmbg::ort {

inline constexpr const char* kCpuProvider = "CPUExecutionProvider";
inline constexpr const char* kCudaProvider = "CUDAExecutionProvider";
inline constexpr const char* kTensorRtProvider = "TensorrtExecutionProvider";

// The files that a build with CUDA carries beside the loaded library.
std::filesystem::path cuda_provider_file();
std::filesystem::path tensorrt_provider_file();

// All throw Error: device, which names what is missing (the provider's file, or the library that it needs and the
// system lacks); option where the provider refuses a value.
void append_cuda(OrtSessionOptions* options, const ProviderOptions& provider_options);
void append_tensorrt(OrtSessionOptions* options, const ProviderOptions& provider_options);
// One that the runtime knows by its name alone, such as "OpenVINO"; where this build lacks it the message lists those
// that it has.
void append_named(OrtSessionOptions* options, const std::string& name, const ProviderOptions& provider_options);

}  // namespace rmbg::ort
