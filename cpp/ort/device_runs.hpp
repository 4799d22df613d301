// Runs of a session on a GPU: so many at once, each with tensors of its own on the device, bound to the session.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda/device.hpp"
#include "ort/handles.hpp"
#include "ort/session.hpp"

namespace rmbg::ort {

class DeviceRuns {
 public:
  DeviceRuns(OrtSession* session, const TensorInfo& input, const TensorInfo& output, const cuda::Device& device,
             const char* memory, int at_once);

  // Session::run and Session::run_on_device; many threads may call them, of which `at_once` are let in.
  std::vector<std::int64_t> from_host(const void* data, const std::vector<std::int64_t>& shape,
                                      cuda::HostBuffer& result);
  std::vector<std::int64_t> on_device(const void* data, const std::vector<std::int64_t>& shape,
                                      cuda::DeviceBuffer& result, cuda::Stream& stream);

 private:
  // What one run holds. The tensors stay where they are, so that they are bound once, and a CUDA graph finds them
  // again.
  struct Slot {
    explicit Slot(const cuda::Device& device) : input(device), output(device), stream(device) {}
    cuda::DeviceBuffer input;
    cuda::DeviceBuffer output;
    cuda::Stream stream;
    std::vector<std::int64_t> shape;  // of the input that is bound; empty: none is
    ValueHandle input_value;
    ValueHandle output_value;
    IoBindingHandle binding;
  };
  class Lease;

  void bind(Slot& slot, const std::vector<std::int64_t>& shape);
  std::size_t input_bytes(const std::vector<std::int64_t>& shape) const;
  // The model's output: where it lies on the host or the device, its shape; the value keeps it where it is no slot's.
  struct Output {
    std::vector<std::int64_t> shape;
    const void* data;
    bool on_device;
    ValueHandle value;
  };
  Output infer(Slot& slot);

  OrtSession* session_;
  const TensorInfo& input_;
  const TensorInfo& output_;
  MemoryInfoHandle memory_;
  std::mutex guard_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> idle_;
};

}  // namespace rmbg::ort
