// The CUDA driver played by the CPU: memory of the device is the host's, streams do their work at once, and a kernel
// goes through its threads one by one. For tests of all that runs on a device, where there is none.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "cuda/driver.hpp"
#include "cuda/samples.hpp"

namespace {

using rmbg::cuda::Address;
using rmbg::cuda::ContextObject;
using rmbg::cuda::DeviceNumber;
using rmbg::cuda::FunctionObject;
using rmbg::cuda::ModuleObject;
using rmbg::cuda::Result;
using rmbg::cuda::StreamObject;

constexpr Result kInvalid = 1, kNotFound = 500;

// RMBG_FAST_STAND_IN_BYTES: the device's memory, so that tests can run out of it.
std::size_t total_bytes() {
  const char* text = std::getenv("RMBG_FAST_STAND_IN_BYTES");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : std::size_t{8} << 30;
}
std::atomic<std::size_t> used{0};
thread_local int contexts = 0;  // pushed, of this thread

constexpr std::size_t kHeader = 64;  // before each allocation: its size

void* take(std::size_t bytes) {
  void* memory = std::aligned_alloc(64, kHeader + (bytes + 63) / 64 * 64);
  if (memory == nullptr) return nullptr;
  std::memcpy(memory, &bytes, sizeof bytes);
  std::memset(static_cast<char*>(memory) + kHeader, 0xa5, bytes);
  return static_cast<char*>(memory) + kHeader;
}

std::size_t give_back(void* memory) {
  char* const start = static_cast<char*>(memory) - kHeader;
  std::size_t bytes = 0;
  std::memcpy(&bytes, start, sizeof bytes);
  std::free(start);
  return bytes;
}

struct Kernel {
  const char* name;
  void (*run)(void** parameters);
};

template <typename Job>
void run_all(void** parameters) {
  const Job& job = *static_cast<const Job*>(parameters[0]);
  const auto width = *static_cast<const unsigned*>(parameters[1]);
  const auto height = *static_cast<const unsigned*>(parameters[2]);
  for (unsigned y = 0; y < height; ++y) {
    for (unsigned x = 0; x < width; ++x) {
      rmbg::cuda::run(job, static_cast<std::int32_t>(x), static_cast<std::int32_t>(y));
    }
  }
}

#define RMBG_ENTRY(name, Job) {#name, &run_all<rmbg::cuda::Job>},
const Kernel kKernels[] = {RMBG_DEVICE_KERNELS(RMBG_ENTRY)};

Result with_context(bool valid = true) { return contexts > 0 && valid ? 0 : kInvalid; }

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default"))) Result

EXPORTED cuInit(unsigned) { return 0; }
EXPORTED cuDriverGetVersion(int* version) { return *version = 13000, 0; }
EXPORTED cuGetErrorString(Result result, const char** text) {
  *text = result == rmbg::cuda::kOutOfMemory ? "out of memory" : result == kNotFound ? "not found" : "invalid argument";
  return 0;
}
EXPORTED cuDeviceGetCount(int* count) { return *count = 1, 0; }
EXPORTED cuDeviceGet(DeviceNumber* number, int ordinal) { return *number = ordinal, ordinal == 0 ? 0 : kInvalid; }
EXPORTED cuDeviceGetName(char* name, int size, DeviceNumber) {
  std::strncpy(name, "stand-in", static_cast<std::size_t>(size));
  return 0;
}
EXPORTED cuDeviceGetAttribute(int* value, int attribute, DeviceNumber) { return *value = attribute == 75 ? 9 : 0, 0; }
EXPORTED cuDevicePrimaryCtxRetain(ContextObject** context, DeviceNumber) { return *context = nullptr, 0; }
EXPORTED cuCtxPushCurrent_v2(ContextObject*) { return ++contexts, 0; }
EXPORTED cuCtxPopCurrent_v2(ContextObject**) { return with_context() ? kInvalid : (--contexts, 0); }
EXPORTED cuModuleLoadData(ModuleObject** module, const void* image) {
  *module = nullptr;
  return with_context(std::strstr(static_cast<const char*>(image), ".version") != nullptr);
}
EXPORTED cuModuleGetFunction(FunctionObject** function, ModuleObject*, const char* name) {
  for (const Kernel& kernel : kKernels) {
    if (std::strcmp(kernel.name, name) == 0) {
      *function = reinterpret_cast<FunctionObject*>(const_cast<Kernel*>(&kernel));
      return with_context();
    }
  }
  return kNotFound;
}
EXPORTED cuLaunchKernel(FunctionObject* function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                        StreamObject*, void** parameters, void**) {
  if (with_context()) return kInvalid;
  reinterpret_cast<const Kernel*>(function)->run(parameters);
  return 0;
}
EXPORTED cuStreamCreate(StreamObject** stream, unsigned) {
  *stream = reinterpret_cast<StreamObject*>(take(1));
  return with_context();
}
EXPORTED cuStreamDestroy_v2(StreamObject* stream) { return give_back(stream), with_context(); }
EXPORTED cuStreamSynchronize(StreamObject*) { return with_context(); }
EXPORTED cuMemAlloc_v2(Address* address, std::size_t bytes) {
  if (used + bytes > total_bytes()) return rmbg::cuda::kOutOfMemory;
  used += bytes;
  *address = reinterpret_cast<Address>(take(bytes));
  return with_context(*address != 0);
}
EXPORTED cuMemFree_v2(Address address) { return used -= give_back(reinterpret_cast<void*>(address)), with_context(); }
EXPORTED cuMemAllocHost_v2(void** memory, std::size_t bytes) { return *memory = take(bytes), with_context(*memory); }
EXPORTED cuMemFreeHost(void* memory) { return give_back(memory), with_context(); }
EXPORTED cuMemcpyHtoDAsync_v2(Address to, const void* from, std::size_t bytes, StreamObject*) {
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return with_context();
}
EXPORTED cuMemcpyDtoHAsync_v2(void* to, Address from, std::size_t bytes, StreamObject*) {
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return with_context();
}
EXPORTED cuMemcpyDtoDAsync_v2(Address to, Address from, std::size_t bytes, StreamObject*) {
  std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
  return with_context();
}
EXPORTED cuMemsetD8Async(Address to, unsigned char value, std::size_t bytes, StreamObject*) {
  std::memset(reinterpret_cast<void*>(to), value, bytes);
  return with_context();
}
EXPORTED cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
  *total = total_bytes();
  *free = *total - std::min<std::size_t>(*total, used);
  return with_context();
}
