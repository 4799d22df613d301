#include "cuda/driver.hpp"

#include <mutex>

#include "core/dynamic_library.hpp"
#include "core/error.hpp"

namespace rmbg::cuda {
namespace {

#ifdef _WIN32
std::string library = "nvcuda.dll";
#else
std::string library = "libcuda.so.1";
#endif

template <typename Function>
void find(const DynamicLibrary& opened, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(find_symbol(opened, name));
  if (function == nullptr) {
    throw Error(ErrorKind::device, "the NVIDIA driver is too old: " + library + " has no function " + name);
  }
}

Driver load() {
  const DynamicLibrary opened = open_dynamic_library(to_path(library));
  if (opened.handle == nullptr) {
    throw Error(ErrorKind::device, "there is no NVIDIA driver: " + opened.error);
  }
  Driver functions{};
#define RMBG_FIND(name) find(opened, #name, functions.name)
  RMBG_FIND(cuInit);
  RMBG_FIND(cuDriverGetVersion);
  RMBG_FIND(cuGetErrorString);
  RMBG_FIND(cuDeviceGetCount);
  RMBG_FIND(cuDeviceGet);
  RMBG_FIND(cuDeviceGetName);
  RMBG_FIND(cuDeviceGetAttribute);
  RMBG_FIND(cuDevicePrimaryCtxRetain);
  RMBG_FIND(cuCtxPushCurrent_v2);
  RMBG_FIND(cuCtxPopCurrent_v2);
  RMBG_FIND(cuModuleLoadData);
  RMBG_FIND(cuModuleGetFunction);
  RMBG_FIND(cuLaunchKernel);
  RMBG_FIND(cuStreamCreate);
  RMBG_FIND(cuStreamDestroy_v2);
  RMBG_FIND(cuStreamSynchronize);
  RMBG_FIND(cuStreamWaitEvent);
  RMBG_FIND(cuEventCreate);
  RMBG_FIND(cuEventRecord);
  RMBG_FIND(cuEventDestroy_v2);
  RMBG_FIND(cuMemAlloc_v2);
  RMBG_FIND(cuMemFree_v2);
  RMBG_FIND(cuMemAllocHost_v2);
  RMBG_FIND(cuMemFreeHost);
  RMBG_FIND(cuMemcpyHtoDAsync_v2);
  RMBG_FIND(cuMemcpyDtoHAsync_v2);
  RMBG_FIND(cuMemcpyDtoDAsync_v2);
  RMBG_FIND(cuMemsetD8Async);
  RMBG_FIND(cuMemGetInfo_v2);
  RMBG_FIND(cuPointerGetAttribute);
#undef RMBG_FIND
  if (const Result result = functions.cuInit(0)) {
    const char* text = nullptr;
    functions.cuGetErrorString(result, &text);
    throw Error(ErrorKind::device, std::string("the NVIDIA driver does not start: ") +
                                       (text != nullptr ? text : "error " + std::to_string(result)));
  }
  return functions;
}

}  // namespace

void use_driver(const std::string& path) { library = path; }

const Driver& driver() {
  static std::mutex guard;
  static const Driver* loaded = nullptr;  // kept for the process; a failure is tried again
  const std::lock_guard lock(guard);
  if (loaded == nullptr) loaded = new const Driver(load());
  return *loaded;
}

void check(Result result, const char* what_failed) {
  if (result == 0) return;
  const char* text = nullptr;
  driver().cuGetErrorString(result, &text);
  throw Error(result == kOutOfMemory ? ErrorKind::inference : ErrorKind::device,
              std::string(what_failed) + ": " + (text != nullptr ? text : "CUDA error " + std::to_string(result)));
}

}  // namespace rmbg::cuda
