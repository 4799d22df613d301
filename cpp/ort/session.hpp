// One loaded model: RAII over OrtSession and its options. Safe to run from many threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cuda/device.hpp"

namespace rmbg::net {
struct Kernels;
}

namespace rmbg::ort {

enum class ElementType { float32, float16 };

// named: a provider of SessionConfig::named, which takes and gives the CPU's memory.
// stand_in: the CPU's provider behind the driver that cuda::use_driver named, for tests without a GPU.
enum class DeviceKind { cpu, cuda, tensorrt, named, stand_in };

// Keys and values as ONNX Runtime's documentation of the provider names them: {{"gpu_mem_limit", "2147483648"}}.
using ProviderOptions = std::vector<std::pair<std::string, std::string>>;

struct SessionConfig {
  std::string model_path;  // UTF-8 (on POSIX: the bytes of the file name)
  DeviceKind device = DeviceKind::cpu;
  std::string named;  // the provider as ONNX Runtime lists it, without "ExecutionProvider"
  int device_id = 0;
  ProviderOptions provider_options;  // of the GPU's provider, without its device_id
  ProviderOptions cuda_options;      // with tensorrt: of CUDA's, which runs what TensorRT does not
  int runs_at_once = 2;              // on the GPU; others wait
  int intra_op_threads = 1;
  const net::Kernels* convolution = nullptr;  // runs the graph's networks (see NetworkOp); null: it may have none
  std::string input;                          // a name; empty: take input_index
  int input_index = 0;                        // negative counts from the end
  std::string output;                         // a name; empty: take output_index
  int output_index = 0;                       // negative counts from the end
};

// Throws Error, device or option, where a session of this device with these options cannot be had; names the missing
// library. Looks at no model.
void check_device(const SessionConfig& config);

struct TensorInfo {
  std::string name;
  ElementType type;
  std::vector<std::int64_t> shape;  // -1 where the graph leaves a dimension open; empty: it says nothing
};

class Session {
 public:
  // Throws Error: model (unreadable graph, no such input or output, element type that is not float32 or float16, more
  // than one input to feed), device (CUDA that cannot be had; names the missing library), runtime_not_found.
  explicit Session(const SessionConfig& config);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const TensorInfo& input() const;
  const TensorInfo& output() const;
  // "CPUExecutionProvider", "CUDAExecutionProvider", ...: what runs, not what was asked for.
  const std::string& provider() const;

  // The GPU that runs it; null: the CPU does.
  const cuda::Device* device() const;

  // Runs the graph on `data` (input().type, 1 x channels x height x width, contiguous), which is bound, not copied, on
  // a CPU; a GPU takes it soonest out of page-locked memory, a HostBuffer(device()). Asks for the one output only,
  // which is written as float32 into `result`, and returns its shape. Throws Error: inference (shapes that the graph
  // does not take or keep, and a device without memory for it, included), and what the current stop of this thread asks
  // for (core/stop.hpp), which ends the run between two nodes.
  std::vector<std::int64_t> run(const void* data, const std::vector<std::int64_t>& shape,
                                cuda::HostBuffer& result) const;
  // The same in the device's memory, after what `stream` holds; the result is in output().type, and is there on return.
  // Only where there is a device().
  std::vector<std::int64_t> run_on_device(const void* data, const std::vector<std::int64_t>& shape,
                                          cuda::DeviceBuffer& result, cuda::Stream& stream) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rmbg::ort
