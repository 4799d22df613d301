// The execution providers beside the CPU's, which every session has. A new one is one more append function.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "ort/abi.hpp"

namespace rmbg::ort {

// Keys and values as ONNX Runtime's documentation of the provider names them: {{"device_id", "0"}}.
using ProviderOptions = std::vector<std::pair<std::string, std::string>>;

inline constexpr const char* kCpuProvider = "CPUExecutionProvider";
inline constexpr const char* kCudaProvider = "CUDAExecutionProvider";

// The file that a build with CUDA carries beside the loaded library.
std::filesystem::path cuda_provider_file();

// Throws Error(device) that names what is missing: the provider's file, or the library that it needs and the system
// lacks.
void append_cuda(OrtSessionOptions* options, const ProviderOptions& provider_options);

}  // namespace rmbg::ort
