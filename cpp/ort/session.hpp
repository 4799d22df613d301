// One loaded model: RAII over OrtSession and its options. Safe to run from many threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rmbg::net {
struct Kernels;
}

namespace rmbg::ort {

enum class ElementType { float32, float16 };

enum class DeviceKind { cpu, cuda };

// Throws Error(device) where a session on this CUDA device cannot be had; names the missing library.
void check_cuda(int device_id);

struct SessionConfig {
  std::string model_path;  // UTF-8 (on POSIX: the bytes of the file name)
  DeviceKind device = DeviceKind::cpu;
  int device_id = 0;
  int intra_op_threads = 1;
  const net::Kernels* convolution = nullptr;  // runs the graph's networks (see NetworkOp); null: it may have none
  std::string input;                          // a name; empty: take input_index
  int input_index = 0;                        // negative counts from the end
  std::string output;                         // a name; empty: take output_index
  int output_index = 0;                       // negative counts from the end
};

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
  // "CPUExecutionProvider" or "CUDAExecutionProvider": what runs, not what was asked for.
  const std::string& provider() const;

  // Runs the graph on `data` (input().type, 1 x channels x height x width, contiguous), which is bound, not copied, and
  // asks for the one output only. The output is written as float32 into `result`, which is resized to it, and
  // its shape is returned. Throws Error: inference (shapes that the graph does not take or keep included).
  std::vector<std::int64_t> run(const void* data, const std::vector<std::int64_t>& shape,
                                std::vector<float>& result) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rmbg::ort
