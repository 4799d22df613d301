#include "ort/library.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <mutex>

#include "core/dynamic_library.hpp"
#include "core/error.hpp"

namespace rmbg::ort {
namespace {

struct Loaded {
  LibraryInfo info;
  Api api;
  OrtEnv* environment;
};

std::atomic<const Loaded*> loaded{nullptr};
std::mutex loading;

const Loaded& get_loaded() {
  const Loaded* library = loaded.load(std::memory_order_acquire);
  if (library == nullptr) {
    throw Error(ErrorKind::runtime_not_found, "ONNX Runtime is not loaded: pip install 'rmbg-fast[cpu]'");
  }
  return *library;
}

const OrtApiBase& api_base(const std::string& path) {
  const DynamicLibrary library = open_dynamic_library(to_path(path));
  if (library.handle == nullptr) {
    throw Error(ErrorKind::runtime_not_found, "ONNX Runtime cannot be loaded from " + path + ": " + library.error);
  }
  void* symbol = find_symbol(library, "OrtGetApiBase");
  if (symbol == nullptr) {
    throw Error(ErrorKind::runtime_not_found, path + " is not ONNX Runtime: it has no function OrtGetApiBase");
  }
  return *reinterpret_cast<const OrtApiBase* (*)()>(symbol)();
}

// The library prints a complaint when asked for an API version that it does not know, so its version is read first.
std::uint32_t newest_api(const std::string& version) {
  unsigned major = 0;
  unsigned minor = 0;
  if (std::sscanf(version.c_str(), "%u.%u", &major, &minor) != 2 || major > 1) return kNewestApi;
  return std::min(kNewestApi, static_cast<std::uint32_t>(minor));
}

std::unique_ptr<const Loaded> load(const std::string& path) {
  const OrtApiBase& base = api_base(path);
  const std::string version = base.GetVersionString();
  void* const* table = nullptr;
  std::uint32_t api_version = newest_api(version);
  while (api_version >= kOldestApi && (table = base.GetApi(api_version)) == nullptr) --api_version;
  if (table == nullptr) {
    throw Error(ErrorKind::runtime_not_found, path + " is ONNX Runtime " + version + "; 1." +
                                                  std::to_string(kOldestApi) +
                                                  " or newer is needed: upgrade onnxruntime (or onnxruntime-gpu)");
  }

  const Api api(table);
  OrtEnv* environment = nullptr;
  if (OrtStatus* status = api.CreateEnv(kLogLevel, "rmbg_fast", &environment)) {
    const std::string message = api.GetErrorMessage(status);
    api.ReleaseStatus(status);
    throw Error(ErrorKind::runtime_not_found,
                "ONNX Runtime " + version + " from " + path + " cannot start: " + message);
  }
  return std::make_unique<const Loaded>(
      Loaded{{path, version, api_version, api.GetBuildInfoString()}, api, environment});
}

}  // namespace

void load_library(const std::string& path) {
  const std::lock_guard lock(loading);
  if (!library_loaded()) loaded.store(load(path).release(), std::memory_order_release);
}

bool library_loaded() { return loaded.load(std::memory_order_acquire) != nullptr; }
const LibraryInfo& library_info() { return get_loaded().info; }
const Api& api() { return get_loaded().api; }
OrtEnv* environment() { return get_loaded().environment; }

}  // namespace rmbg::ort
