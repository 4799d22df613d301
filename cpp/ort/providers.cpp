#include "ort/providers.hpp"

#include <string>
#include <system_error>
#include <vector>

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

std::vector<std::string> available_providers() {
  const char* failed = "ONNX Runtime does not say which providers it has";
  char** names = nullptr;
  int count = 0;
  check(api().GetAvailableProviders(&names, &count), ErrorKind::device, failed);
  std::vector<std::string> result(names, names + count);
  check(api().ReleaseAvailableProviders(names, count), ErrorKind::device, failed);
  return result;
}

struct Pairs {
  explicit Pairs(const ProviderOptions& options) {
    for (const auto& [key, value] : options) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
  }

  std::vector<const char*> keys;
  std::vector<const char*> values;
};

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
  const Pairs pairs(wanted);
  try {
    const Options options = create(failed);
    check(update(options.get(), pairs.keys.data(), pairs.values.data(), pairs.keys.size()), ErrorKind::option,
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

void append_named(OrtSessionOptions* options, const std::string& name, const ProviderOptions& provider_options) {
  std::string listed;
  bool there = false;
  for (const std::string& provider : available_providers()) {
    there = there || provider == name + "ExecutionProvider";
    listed += (listed.empty() ? "" : ", ") + provider;
  }
  if (!there) {
    throw Error(ErrorKind::device, "this build of ONNX Runtime has no " + name + " provider; it has " + listed);
  }
  if (name == "Dml")
    check(api().DisableMemPattern(options), ErrorKind::device, "the Dml provider cannot be used");  // it demands this
  const Pairs pairs(provider_options);
  // The two that it knows by a shorter name than it lists.
  const std::string known = name == "Dml" ? "DML" : name == "Xnnpack" ? "XNNPACK" : name;
  check(api().SessionOptionsAppendExecutionProvider(options, known.c_str(), pairs.keys.data(), pairs.values.data(),
                                                    pairs.keys.size()),
        ErrorKind::device, "the " + name + " provider cannot be used");
}

}  // namespace rmbg::ort
