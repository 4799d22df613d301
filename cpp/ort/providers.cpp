#include "ort/providers.hpp"

#include <system_error>

#include "core/error.hpp"
#include "ort/dynamic_library.hpp"
#include "ort/library.hpp"
#include "ort/status.hpp"

namespace rmbg::ort {
namespace {

#if defined(_WIN32)
constexpr const char* kCudaFile = "onnxruntime_providers_cuda.dll";
#elif defined(__APPLE__)
constexpr const char* kCudaFile = "libonnxruntime_providers_cuda.dylib";
#else
constexpr const char* kCudaFile = "libonnxruntime_providers_cuda.so";
#endif

constexpr const char* kCudaFailed = "the CUDA provider cannot be used";

// Why a provider's file would not load; the runtime buries that or leaves it out, depending on its version. To be asked
// only after the runtime's own attempt: until then the file lacks a symbol that the runtime provides, and cannot load.
std::string loader_error(const std::filesystem::path& file) { return open_dynamic_library(file).error; }

}  // namespace

std::filesystem::path cuda_provider_file() { return to_path(library_info().path).parent_path() / kCudaFile; }

void append_cuda(OrtSessionOptions* options, const ProviderOptions& provider_options) {
  const std::filesystem::path file = cuda_provider_file();
  if (std::error_code ignored; !std::filesystem::exists(file, ignored)) {
    throw Error(ErrorKind::device, "this build of ONNX Runtime has no CUDA provider (there is no " + to_utf8(file) +
                                       "): pip uninstall onnxruntime, then pip install 'rmbg-fast[gpu]'");
  }
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : provider_options) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  try {
    const CudaOptionsHandle cuda(
        get<OrtCUDAProviderOptionsV2*>(ErrorKind::device, kCudaFailed, api().CreateCUDAProviderOptions));
    check(api().UpdateCUDAProviderOptions(cuda.get(), keys.data(), values.data(), keys.size()), ErrorKind::device,
          kCudaFailed);
    check(api().SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda.get()), ErrorKind::device, kCudaFailed);
  } catch (const Error&) {
    const std::string reason = loader_error(file);
    if (reason.empty()) throw;
    throw Error(ErrorKind::device, std::string(kCudaFailed) + ": " + reason);
  }
}

}  // namespace rmbg::ort
