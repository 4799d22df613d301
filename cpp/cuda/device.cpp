#include "cuda/device.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#include "core/error.hpp"
#include "cuda/ptx.hpp"

namespace rmbg::cuda {
namespace {

constexpr int kMajor = 75, kMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
constexpr int kOrdinal = 9;              // CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
constexpr unsigned kNonBlocking = 1;     // CU_STREAM_NON_BLOCKING
constexpr unsigned kUntimed = 2;         // CU_EVENT_DISABLE_TIMING
constexpr unsigned kBlockWidth = 32, kBlockHeight = 8;
constexpr std::align_val_t kAlignment{64};
constexpr int kOldestMajor = 7, kOldestMinor = 5;  // of the PTX

std::mutex guard;  // of what follows
std::map<int, std::unique_ptr<const Device>>& devices() {
  static auto* const known = new std::map<int, std::unique_ptr<const Device>>;  // outlives static destruction
  return *known;
}
std::map<int, ModuleObject*> modules;

std::size_t grown(std::size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

}  // namespace

int Device::count() {
  int count = 0;
  check(driver().cuDeviceGetCount(&count), "the GPUs cannot be counted");
  return count;
}

int Device::of(const void* address) {
  int id = -1;
  const Result result = driver().cuPointerGetAttribute(&id, kOrdinal, reinterpret_cast<Address>(address));
  return result == 0 ? id : -1;
}

const Device& Device::get(int id) {
  const int there = count();
  if (id < 0 || id >= there) {
    throw Error(ErrorKind::device, there == 0 ? std::string("there is no NVIDIA GPU")
                                              : "there is no GPU " + std::to_string(id) + ": this machine has " +
                                                    std::to_string(there) + ", counted from 0");
  }
  const std::lock_guard lock(guard);
  std::unique_ptr<const Device>& known = devices()[id];
  if (!known) known.reset(new const Device(id));
  return *known;
}

Device::Device(int id) : id_(id) {
  const Driver& d = driver();
  const char* failed = "the GPU cannot be used";
  DeviceNumber number = 0;
  char name[256] = {};
  check(d.cuDeviceGet(&number, id), failed);
  check(d.cuDeviceGetName(name, sizeof name, number), failed);
  check(d.cuDeviceGetAttribute(&major_, kMajor, number), failed);
  check(d.cuDeviceGetAttribute(&minor_, kMinor, number), failed);
  check(d.cuDevicePrimaryCtxRetain(&context_, number), failed);
  name_ = name;
}

std::size_t Device::free_memory() const {
  const Current current(*this);
  std::size_t free = 0, total = 0;
  check(driver().cuMemGetInfo_v2(&free, &total), "the GPU's memory cannot be read");
  return free;
}

FunctionObject* Device::kernel(const char* name) const {
  const Current current(*this);
  const std::lock_guard lock(guard);
  ModuleObject*& module = modules[id_];
  if (module == nullptr) {
    if (major_ * 10 + minor_ < kOldestMajor * 10 + kOldestMinor) {
      throw Error(ErrorKind::device,
                  name_ + " has compute capability " + capability() + "; the device kernels need 7.5 or later");
    }
    check(driver().cuModuleLoadData(&module, kKernelsPtx), "the GPU's driver does not take our kernels");
  }
  FunctionObject* function = nullptr;
  check(driver().cuModuleGetFunction(&function, module, name), name);
  return function;
}

Current::Current(const Device& device) {
  check(driver().cuCtxPushCurrent_v2(device.context_), "the GPU cannot be used");
}

Current::Current(const Device& device, std::nothrow_t) noexcept
    : pushed_(driver().cuCtxPushCurrent_v2(device.context_) == 0) {}

Current::~Current() {
  if (!pushed_) return;
  ContextObject* ignored = nullptr;
  driver().cuCtxPopCurrent_v2(&ignored);
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept
    : device_(other.device_),
      address_(std::exchange(other.address_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

void DeviceBuffer::reserve(std::size_t bytes) {
  if (bytes <= capacity_) return;
  release();
  const Current current(*device_);
  check(driver().cuMemAlloc_v2(&address_, grown(bytes)), "the GPU has no memory left");
  capacity_ = grown(bytes);
}

void DeviceBuffer::release() {
  if (address_ == 0) return;
  const Current current(*device_, std::nothrow);
  if (current) driver().cuMemFree_v2(address_);
  address_ = 0;
  capacity_ = 0;
}

HostBuffer::HostBuffer(HostBuffer&& other) noexcept
    : device_(other.device_),
      memory_(std::exchange(other.memory_, nullptr)),
      capacity_(std::exchange(other.capacity_, 0)) {}

void HostBuffer::reserve(std::size_t bytes) {
  if (bytes <= capacity_) return;
  release();
  if (device_ == nullptr) {
    memory_ = ::operator new(bytes, kAlignment);
  } else {
    const Current current(*device_);
    check(driver().cuMemAllocHost_v2(&memory_, grown(bytes)), "memory cannot be page-locked");
  }
  capacity_ = bytes;
}

void HostBuffer::release() {
  if (memory_ == nullptr) return;
  if (device_ == nullptr) {
    ::operator delete(memory_, kAlignment);
  } else {
    const Current current(*device_, std::nothrow);
    if (current) driver().cuMemFreeHost(memory_);
  }
  memory_ = nullptr;
  capacity_ = 0;
}

Stream::Stream(const Device& device) : device_(&device) {
  const Current current(device);
  check(driver().cuStreamCreate(&stream_, kNonBlocking), "a stream cannot be made");
}

Stream::Stream(Stream&& other) noexcept : device_(other.device_), stream_(std::exchange(other.stream_, nullptr)) {}

Stream::~Stream() {
  if (stream_ == nullptr) return;
  const Current current(*device_, std::nothrow);
  if (current) driver().cuStreamDestroy_v2(stream_);
}

void Stream::wait_for(StreamNumber other) {
  const char* failed = "the picture's stream cannot be waited for";
  const Driver& d = driver();
  const Current current(*device_);
  EventObject* event = nullptr;
  check(d.cuEventCreate(&event, kUntimed), failed);
  Result result = d.cuEventRecord(event, reinterpret_cast<StreamObject*>(other));
  if (result == 0) result = d.cuStreamWaitEvent(stream_, event, 0);
  d.cuEventDestroy_v2(event);  // lives on as long as it is waited for
  check(result, failed);
}

void Stream::upload(void* to, const void* from, std::size_t bytes) {
  const Current current(*device_);
  check(driver().cuMemcpyHtoDAsync_v2(reinterpret_cast<Address>(to), from, bytes, stream_),
        "copying to the GPU failed");
}

void Stream::download(void* to, const void* from, std::size_t bytes) {
  const Current current(*device_);
  check(driver().cuMemcpyDtoHAsync_v2(to, reinterpret_cast<Address>(from), bytes, stream_),
        "copying from the GPU failed");
}

void Stream::copy(void* to, const void* from, std::size_t bytes) {
  const Current current(*device_);
  check(driver().cuMemcpyDtoDAsync_v2(reinterpret_cast<Address>(to), reinterpret_cast<Address>(from), bytes, stream_),
        "copying on the GPU failed");
}

void Stream::fill(void* to, unsigned char value, std::size_t bytes) {
  const Current current(*device_);
  check(driver().cuMemsetD8Async(reinterpret_cast<Address>(to), value, bytes, stream_), "the GPU failed");
}

void Stream::wait() {
  const Current current(*device_);
  check(driver().cuStreamSynchronize(stream_), "the GPU failed");
}

void Stream::launch_with(const char* kernel, unsigned width, unsigned height, void** parameters) {
  FunctionObject* function = device_->kernel(kernel);
  const Current current(*device_);
  check(driver().cuLaunchKernel(function, (width + kBlockWidth - 1) / kBlockWidth,
                                (height + kBlockHeight - 1) / kBlockHeight, 1, kBlockWidth, kBlockHeight, 1, 0, stream_,
                                parameters, nullptr),
        kernel);
}

}  // namespace rmbg::cuda
