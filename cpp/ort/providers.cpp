#include "ort/providers.hpp"

#include <system_error>

#include "core/dynamic_library.hpp"
#include "core/error.hpp"
#include "ort/library.hpp"
#include "ort/status.hpp"

namespace rmbg::ort {
namespace {

#if defined(_WIN32)
constexpr const char* kBefore = "onnxruntime_providers_";
constexpr const char* kAfter = ".dll";
#elif defined(__APPLE__)
constexpr const char* kBefore = "libonnxruntime_providers_";
constexpr const char* kAfter = ".dylib";
#else
constexpr const char* kBefore = "libonnxruntime_providers_";
constexpr const char* kAfter = ".so";
#endif

std::filesystem::path provider_file(const char* name) {
  return to_path(library_info().path).parent_path() / (std::string(kBefore) + name + kAfter);
}

// Why a provider's file would not load; the runtime buries that or leaves it out, depending on its version. To be asked
// only after the runtime's own attempt: until then the file lacks a symbol that the runtime provides, and cannot load.
std::string loader_error(const std::filesystem::path& file) { return open_dynamic_library(file).error; }

// Makes the provider's options, gives them the values and appends the provider: for each the same three calls.
template <typename Options, typename Create, typename Update, typename Append>
void append(OrtSessionOptions* session, const ProviderOptions& wanted, const std::filesystem::path& file,
            const std::string& name, Create create, Update update, Append append_it) {
  if (std::error_code ignored; !std::filesystem::exists(file, ignored)) {
    throw Error(ErrorKind::device, "this build of ONNX Runtime has no " + name + " provider (there is no " +
                                       to_utf8(file) +
                                       "): pip uninstall onnxruntime, then pip install 'rmbg-fast[gpu]'");
  }
  const std::string failed = "the " + name + " provider cannot be used";
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : wanted) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  try {
    const Options options = create(failed);
    check(update(options.get(), keys.data(), values.data(), keys.size()), ErrorKind::option,
          "the " + name + " provider refuses an option");
    check(append_it(session, options.get()), ErrorKind::device, failed);
  } catch (const Error& error) {
    const std::string reason = loader_error(file);
    if (reason.empty()) throw;
    throw Error(ErrorKind::device, failed + ": " + reason);
  }
}

}  // namespace

std::filesystem::path cuda_provider_file() { return provider_file("cuda"); }
std::filesystem::path tensorrt_provider_file() { return provider_file("tensorrt"); }

void append_cuda(OrtSessionOptions* options, const ProviderOptions& provider_options) {
  append<CudaOptionsHandle>(
      options, provider_options, cuda_provider_file(), "CUDA",
      [](const std::string& failed) {
        return CudaOptionsHandle(
            get<OrtCUDAProviderOptionsV2*>(ErrorKind::device, failed, api().CreateCUDAProviderOptions));
      },
      api().UpdateCUDAProviderOptions, api().SessionOptionsAppendExecutionProvider_CUDA_V2);
}

void append_tensorrt(OrtSessionOptions* options, const ProviderOptions& provider_options) {
  append<TensorRtOptionsHandle>(
      options, provider_options, tensorrt_provider_file(), "TensorRT",
      [](const std::string& failed) {
        return TensorRtOptionsHandle(
            get<OrtTensorRTProviderOptionsV2*>(ErrorKind::device, failed, api().CreateTensorRTProviderOptions));
      },
      api().UpdateTensorRTProviderOptions, api().SessionOptionsAppendExecutionProvider_TensorRT_V2);
}

}  // namespace rmbg::ort
