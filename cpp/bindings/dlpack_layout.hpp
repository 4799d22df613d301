// The layout that DLPack fixes: https://dmlc.github.io/dlpack/latest/c_api.html
#pragma once

#include <cstdint>

namespace rmbg::bindings::dlpack {

enum DeviceType : std::int32_t { kCpu = 1, kCuda = 2, kCudaHost = 3, kRocmHost = 11, kCudaManaged = 13 };

struct DeviceId {
  std::int32_t type;
  std::int32_t id;
};
struct Type {
  std::uint8_t code;  // 0 int, 1 unsigned, 2 float, 4 bfloat16, 5 complex, 6 bool
  std::uint8_t bits;
  std::uint16_t lanes;
};
struct Tensor {
  void* data;
  DeviceId device;
  std::int32_t ndim;
  Type type;
  std::int64_t* shape;
  std::int64_t* strides;  // in samples; null: packed, the last axis fastest
  std::uint64_t byte_offset;
};
struct Managed {  // "dltensor", before version 1
  static constexpr const char* kName = "dltensor";
  static constexpr const char* kTaken = "used_dltensor";
  Tensor tensor;
  void* context;
  void (*deleter)(Managed*);
};
struct ManagedVersioned {
  static constexpr const char* kName = "dltensor_versioned";
  static constexpr const char* kTaken = "used_dltensor_versioned";
  std::uint32_t major;
  std::uint32_t minor;
  void* context;
  void (*deleter)(ManagedVersioned*);
  std::uint64_t flags;
  Tensor tensor;  // where the major version is 1
};
constexpr std::uint64_t kReadOnly = 1, kCopied = 2;

}  // namespace rmbg::bindings::dlpack
