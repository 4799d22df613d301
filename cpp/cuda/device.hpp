// One GPU by its primary context, which ONNX Runtime's CUDA provider uses too: pointers of one are good for the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "cuda/driver.hpp"

namespace rmbg::cuda {

class Device {
 public:
  // Made once and kept for the process. Throws Error(device): no driver, no such device.
  static const Device& get(int id);
  static int count();  // throws Error(device) where there is no driver
  // The number of the GPU whose memory the address lies in; -1: it is no GPU's. Throws as `count` does.
  static int of(const void* address);

  int id() const { return id_; }
  const std::string& name() const { return name_; }
  std::string capability() const { return std::to_string(major_) + "." + std::to_string(minor_); }
  std::size_t free_memory() const;

  // A kernel of kernels.ptx by its name; the module is compiled for this GPU at the first call. Throws Error(device).
  FunctionObject* kernel(const char* name) const;

 private:
  friend class Current;
  explicit Device(int id);

  int id_;
  int major_ = 0;
  int minor_ = 0;
  std::string name_;
  ContextObject* context_ = nullptr;
};

// Makes the device this thread's as long as it lives. Every call of the driver below needs it.
class Current {
 public:
  explicit Current(const Device& device);
  // For what is given back: where the driver has ended, or in a forked child, there is nothing left to give back.
  Current(const Device& device, std::nothrow_t) noexcept;
  ~Current();
  explicit operator bool() const { return pushed_; }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  bool pushed_ = true;
};

// Memory of the device; grows, never shrinks, never copies. Freed in the device's context, whatever thread it is.
class DeviceBuffer {
 public:
  explicit DeviceBuffer(const Device& device) : device_(&device) {}
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&&) = delete;
  ~DeviceBuffer() { release(); }

  void reserve(std::size_t bytes);  // throws Error(inference) where the device is out of memory
  void* data() const { return reinterpret_cast<void*>(address_); }
  std::size_t capacity() const { return capacity_; }

 private:
  void release();

  const Device* device_;
  Address address_ = 0;
  std::size_t capacity_ = 0;
};

// Memory of the host: page-locked, so that a GPU reads and writes it at full speed and meanwhile the thread runs on, or
// plain where there is no device. Grows, never shrinks, never copies; on a cache-line boundary.
class HostBuffer {
 public:
  explicit HostBuffer(const Device* device = nullptr) : device_(device) {}
  HostBuffer(HostBuffer&& other) noexcept;
  HostBuffer& operator=(HostBuffer&&) = delete;
  ~HostBuffer() { release(); }

  void reserve(std::size_t bytes);
  void* data() const { return memory_; }

 private:
  void release();

  const Device* device_;
  void* memory_ = nullptr;
  std::size_t capacity_ = 0;
};

// A stream as other libraries name it: its address; 1 is the legacy default stream, 2 the calling thread's default one.
using StreamNumber = std::uintptr_t;

// Work in order. It does not wait for the default stream, nor that for it.
class Stream {
 public:
  explicit Stream(const Device& device);
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&&) = delete;
  ~Stream();

  const Device& device() const { return *device_; }
  StreamNumber number() const { return reinterpret_cast<StreamNumber>(stream_); }
  void wait_for(StreamNumber other);  // what comes next here waits for what `other` holds now; the thread does not
  void upload(void* to, const void* from, std::size_t bytes);
  void download(void* to, const void* from, std::size_t bytes);
  void copy(void* to, const void* from, std::size_t bytes);  // both on the device
  void fill(void* to, unsigned char value, std::size_t bytes);
  void wait();
  // One thread for each (x, y) below `width` and `height`, and more that the kernel turns away; the parameters are the
  // kernel's, one after the other.
  template <typename... Parameters>
  void launch(const char* kernel, unsigned width, unsigned height, const Parameters&... parameters) {
    void* pointers[] = {const_cast<void*>(static_cast<const void*>(&parameters))...};
    launch_with(kernel, width, height, pointers);
  }

 private:
  void launch_with(const char* kernel, unsigned width, unsigned height, void** parameters);

  const Device* device_;
  StreamObject* stream_ = nullptr;
};

}  // namespace rmbg::cuda
