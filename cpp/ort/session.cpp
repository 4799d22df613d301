#include "ort/session.hpp"

#include <algorithm>
#include <limits>

#include "core/error.hpp"
#include "ort/dynamic_library.hpp"
#include "ort/half.hpp"
#include "ort/library.hpp"
#include "ort/model_io.hpp"
#include "ort/network_op.hpp"
#include "ort/providers.hpp"
#include "ort/status.hpp"

namespace rmbg::ort {
namespace {

constexpr const char* kRunFailed = "the model failed to run";

SessionOptionsHandle common_options(const SessionConfig& config) {
  const char* failed = "ONNX Runtime refused a session option";
  SessionOptionsHandle options(get<OrtSessionOptions*>(ErrorKind::option, failed, api().CreateSessionOptions));
  const auto set = [&](const auto& slot, auto value) { check(slot(options.get(), value), ErrorKind::option, failed); };
  set(api().SetSessionGraphOptimizationLevel, ORT_ENABLE_ALL);
  set(api().SetSessionExecutionMode, ORT_SEQUENTIAL);
  set(api().SetIntraOpNumThreads, config.intra_op_threads);
  set(api().SetInterOpNumThreads, 1);
  set(api().SetSessionLogSeverityLevel, kLogLevel);
  return options;
}

// Is it the model file that is at fault, whatever device was asked for?
bool blames_model(OrtErrorCode code) {
  return code == ORT_NO_SUCHFILE || code == ORT_NO_MODEL || code == ORT_INVALID_PROTOBUF || code == ORT_INVALID_GRAPH;
}

SessionHandle create(const SessionConfig& config, const SessionOptionsHandle& options, ErrorKind kind) {
  OrtSession* session = nullptr;
  OrtStatus* status = api().CreateSession(environment(), to_path(config.model_path).c_str(), options.get(), &session);
  if (status != nullptr && blames_model(api().GetErrorCode(status))) kind = ErrorKind::model;
  check(status, kind, config.model_path + " cannot be loaded" + (kind == ErrorKind::device ? " on the GPU" : ""));
  return SessionHandle(session);
}

SessionHandle create_on_cpu(const SessionConfig& config, const NetworkOp* networks) {
  const SessionOptionsHandle options = common_options(config);
  if (networks) networks->add_to(options.get());
  return create(config, options, ErrorKind::model);
}

SessionOptionsHandle cuda_options(const SessionConfig& config) {
  SessionOptionsHandle options = common_options(config);
  append_cuda(options.get(), {{"device_id", std::to_string(config.device_id)}});
  return options;
}

SessionHandle create_on_cuda(const SessionConfig& config) {
  const SessionOptionsHandle options = cuda_options(config);
  return create(config, options, ErrorKind::device);
}

// The number of elements; throws where a dimension is negative or a buffer of floats could not exist.
std::size_t element_count(const std::vector<std::int64_t>& shape) {
  std::size_t count = 1;
  for (const std::int64_t dimension : shape) {
    const std::size_t most =
        std::numeric_limits<std::ptrdiff_t>::max() / sizeof(float) / std::max<std::size_t>(count, 1);
    if (dimension < 0 || static_cast<std::uint64_t>(dimension) > most) {
      throw Error(ErrorKind::inference, std::string(kRunFailed) + ": a tensor has a dimension of " +
                                            std::to_string(dimension) + ", which cannot be");
    }
    count *= static_cast<std::size_t>(dimension);
  }
  return count;
}

bool is_static(const std::vector<std::int64_t>& shape) {
  return !shape.empty() && std::all_of(shape.begin(), shape.end(), [](std::int64_t size) { return size > 0; });
}

ValueHandle tensor_over(void* data, const std::vector<std::int64_t>& shape, ElementType type,
                        const MemoryInfoHandle& memory) {
  const bool wide = type == ElementType::float32;
  return ValueHandle(
      get<OrtValue*>(ErrorKind::inference, kRunFailed, api().CreateTensorWithDataAsOrtValue, memory.get(), data,
                     element_count(shape) * (wide ? 4 : 2), shape.data(), shape.size(),
                     wide ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16));
}

std::vector<std::int64_t> copy_out(OrtValue* value, ElementType type, std::vector<float>& result) {
  const TensorInfoHandle info(
      get<OrtTensorTypeAndShapeInfo*>(ErrorKind::inference, kRunFailed, api().GetTensorTypeAndShape, value));
  std::vector<std::int64_t> shape = shape_of(info.get());
  const std::size_t count = element_count(shape);
  const void* data = get<void*>(ErrorKind::inference, kRunFailed, api().GetTensorMutableData, value);
  result.resize(count);
  if (type == ElementType::float32) {
    std::copy_n(static_cast<const float*>(data), count, result.begin());
  } else {
    std::transform(static_cast<const std::uint16_t*>(data), static_cast<const std::uint16_t*>(data) + count,
                   result.begin(), half_to_float);
  }
  return shape;
}

}  // namespace

void check_cuda(int device_id) {
  SessionConfig config;
  config.device_id = device_id;
  cuda_options(config);
}

struct Session::State {
  std::unique_ptr<NetworkOp> networks;  // outlives the session
  SessionHandle session;
  MemoryInfoHandle memory;
  TensorInfo input;
  TensorInfo output;
  std::string provider;
};

Session::Session(const SessionConfig& config) : state_(std::make_unique<State>()) {
  State& state = *state_;
  if (config.device == DeviceKind::cuda) {
    state.session = create_on_cuda(config);
    state.provider = kCudaProvider;
  } else {
    if (config.convolution) state.networks = std::make_unique<NetworkOp>(*config.convolution, config.intra_op_threads);
    state.session = create_on_cpu(config, state.networks.get());
    state.provider = kCpuProvider;
  }
  state.memory.reset(get<OrtMemoryInfo*>(ErrorKind::inference, kRunFailed, api().CreateCpuMemoryInfo,
                                         OrtDeviceAllocator, OrtMemTypeDefault));
  state.input = find_input(state.session.get(), config.model_path, config.input, config.input_index);
  state.output = find_output(state.session.get(), config.model_path, config.output, config.output_index);
}

Session::~Session() = default;

const TensorInfo& Session::input() const { return state_->input; }
const TensorInfo& Session::output() const { return state_->output; }
const std::string& Session::provider() const { return state_->provider; }

std::vector<std::int64_t> Session::run(const void* data, const std::vector<std::int64_t>& shape,
                                       std::vector<float>& result) const {
  const State& state = *state_;
  // The C API has no tensor over constant memory; the runtime does not write to its inputs.
  const ValueHandle input = tensor_over(const_cast<void*>(data), shape, state.input.type, state.memory);

  // A bound output keeps its shape: where the graph comes to another one the runtime fails instead of writing.
  const bool bound = state.output.type == ElementType::float32 && is_static(state.output.shape);
  ValueHandle output;
  if (bound) {
    result.resize(element_count(state.output.shape));
    output = tensor_over(result.data(), state.output.shape, state.output.type, state.memory);
  }

  const char* input_name = state.input.name.c_str();
  const char* output_name = state.output.name.c_str();
  const OrtValue* input_value = input.get();
  OrtValue* output_value = output.get();
  OrtStatus* status =
      api().Run(state.session.get(), nullptr, &input_name, &input_value, 1, &output_name, 1, &output_value);
  if (!bound) output.reset(output_value);
  check(status, ErrorKind::inference, kRunFailed);
  return bound ? state.output.shape : copy_out(output.get(), state.output.type, result);
}

}  // namespace rmbg::ort
