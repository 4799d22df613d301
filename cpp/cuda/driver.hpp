// The part of the CUDA driver API that we call: libcuda.so.1, which comes with the GPU's driver, opened at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace rmbg::cuda {

using Result = int;  // CUresult; 0: success
using DeviceNumber = int;
using Address = std::uint64_t;  // CUdeviceptr

struct ContextObject;
struct ModuleObject;
struct FunctionObject;
struct StreamObject;
struct EventObject;

inline constexpr Result kOutOfMemory = 2;

// The names are those under which the library exports them: _v2 where a function's arguments once grew to 64 bits.
struct Driver {
  Result (*cuInit)(unsigned flags);
  Result (*cuDriverGetVersion)(int* version);  // 13000: CUDA 13.0
  Result (*cuGetErrorString)(Result, const char** text);
  Result (*cuDeviceGetCount)(int* count);
  Result (*cuDeviceGet)(DeviceNumber*, int ordinal);
  Result (*cuDeviceGetName)(char* name, int size, DeviceNumber);
  Result (*cuDeviceGetAttribute)(int* value, int attribute, DeviceNumber);
  Result (*cuDevicePrimaryCtxRetain)(ContextObject**, DeviceNumber);
  Result (*cuCtxPushCurrent_v2)(ContextObject*);
  Result (*cuCtxPopCurrent_v2)(ContextObject**);
  Result (*cuModuleLoadData)(ModuleObject**, const void* image);
  Result (*cuModuleGetFunction)(FunctionObject**, ModuleObject*, const char* name);
  Result (*cuLaunchKernel)(FunctionObject*, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                           unsigned block_y, unsigned block_z, unsigned shared_bytes, StreamObject*, void** parameters,
                           void** extra);
  Result (*cuStreamCreate)(StreamObject**, unsigned flags);
  Result (*cuStreamDestroy_v2)(StreamObject*);
  Result (*cuStreamSynchronize)(StreamObject*);
  Result (*cuStreamWaitEvent)(StreamObject*, EventObject*, unsigned flags);
  Result (*cuEventCreate)(EventObject**, unsigned flags);
  Result (*cuEventRecord)(EventObject*, StreamObject*);
  Result (*cuEventDestroy_v2)(EventObject*);
  Result (*cuMemAlloc_v2)(Address*, std::size_t bytes);
  Result (*cuMemFree_v2)(Address);
  Result (*cuMemAllocHost_v2)(void**, std::size_t bytes);
  Result (*cuMemFreeHost)(void*);
  Result (*cuMemcpyHtoDAsync_v2)(Address, const void*, std::size_t bytes, StreamObject*);
  Result (*cuMemcpyDtoHAsync_v2)(void*, Address, std::size_t bytes, StreamObject*);
  Result (*cuMemcpyDtoDAsync_v2)(Address, Address, std::size_t bytes, StreamObject*);
  Result (*cuMemsetD8Async)(Address, unsigned char value, std::size_t bytes, StreamObject*);
  Result (*cuMemGetInfo_v2)(std::size_t* free, std::size_t* total);
  Result (*cuPointerGetAttribute)(void* value, int attribute, Address);
};

// Opens the library once. Throws Error(device): no driver, or one that lacks a function. Tests name another library
// before the first call.
const Driver& driver();
void use_driver(const std::string& path);

// Throws Error(device) with the driver's words; Error(inference) where the device is out of memory.
void check(Result result, const char* what_failed);

}  // namespace rmbg::cuda
