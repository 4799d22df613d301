#include "ort/session.hpp"

#include "core/dynamic_library.hpp"
#include "core/error.hpp"
#include "ort/device_runs.hpp"
#include "ort/library.hpp"
#include "ort/model_io.hpp"
#include "ort/network_op.hpp"
#include "ort/providers.hpp"
#include "ort/status.hpp"
#include "ort/stoppable.hpp"
#include "ort/tensors.hpp"

namespace rmbg::ort {
namespace {

SessionOptionsHandle common_options(const SessionConfig& config) {
  const char* failed = "ONNX Runtime refused a session option";
  SessionOptionsHandle options(get<OrtSessionOptions*>(ErrorKind::option, failed, api().CreateSessionOptions));
  const auto set = [&](const auto& slot, auto value) { check(slot(options.get(), value), ErrorKind::option, failed); };
  set(api().SetSessionGraphOptimizationLevel, ORT_ENABLE_ALL);
  set(api().SetSessionExecutionMode, ORT_SEQUENTIAL);
  set(api().SetIntraOpNumThreads, config.intra_op_threads);
  set(api().SetInterOpNumThreads, 1);
  // Its threads sleep when they have nothing to do: the cores are for the kernels then, and for other sessions.
  check(api().AddSessionConfigEntry(options.get(), "session.intra_op.allow_spinning", "0"), ErrorKind::option, failed);
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
  if (status != nullptr && blames_model(api().GetErrorCode(status))) kind = ErrorKind::model_file;
  if (status != nullptr && kind == ErrorKind::model_file && tells_of_memory(api().GetErrorMessage(status))) {
    kind = ErrorKind::memory;
  }
  // On another device the file is one that we prepared, at a path that the caller never gave.
  const std::string device = config.device == DeviceKind::named ? "the " + config.named + " provider" : "the GPU";
  check(status, kind,
        kind == ErrorKind::device ? device + " cannot take the model" : config.model_path + " cannot be loaded");
  return SessionHandle(session);
}

SessionHandle create_on_cpu(const SessionConfig& config, const NetworkOp* networks) {
  const SessionOptionsHandle options = common_options(config);
  if (networks) {
    networks->add_to(options.get());
    // Else the second run takes one more block, as large as all that the first one took piece by piece.
    check(api().DisableMemPattern(options.get()), ErrorKind::option, "ONNX Runtime refused a session option");
  }
  return create(config, options, ErrorKind::model_file);
}

ProviderOptions with_device(ProviderOptions options, int device_id) {
  options.emplace_back("device_id", std::to_string(device_id));
  return options;
}

SessionOptionsHandle device_options(const SessionConfig& config) {
  SessionOptionsHandle options = common_options(config);
  if (config.device == DeviceKind::named) {
    append_named(options.get(), config.named, config.provider_options);
    return options;
  }
  try {
    if (config.device == DeviceKind::tensorrt) {
      append_tensorrt(options.get(), with_device(config.provider_options, config.device_id));
      append_cuda(options.get(), with_device(config.cuda_options, config.device_id));
    } else {
      append_cuda(options.get(), with_device(config.provider_options, config.device_id));
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::option) cuda::Device::get(config.device_id);  // its number is an option, too
    throw;
  }
  return options;
}

}  // namespace

void check_device(const SessionConfig& config) {
  device_options(config);
  if (config.device != DeviceKind::named) cuda::Device::get(config.device_id);
}

struct Session::State {
  std::unique_ptr<NetworkOp> networks;  // outlives the session
  SessionHandle session;
  MemoryInfoHandle memory;
  TensorInfo input;
  TensorInfo output;
  std::string provider;
  const cuda::Device* device = nullptr;
  std::unique_ptr<DeviceRuns> runs;  // on the device
};

Session::Session(const SessionConfig& config) : state_(std::make_unique<State>()) {
  State& state = *state_;
  const bool gpu = config.device == DeviceKind::cuda || config.device == DeviceKind::tensorrt;
  if (config.device == DeviceKind::named) {
    state.session = create(config, device_options(config), ErrorKind::device);
    state.provider = config.named + "ExecutionProvider";
  } else if (gpu) {
    state.session = create(config, device_options(config), ErrorKind::device);
    state.provider = config.device == DeviceKind::cuda ? kCudaProvider : kTensorRtProvider;
  } else {
    if (config.convolution) state.networks = std::make_unique<NetworkOp>(*config.convolution, config.intra_op_threads);
    state.session = create_on_cpu(config, state.networks.get());
    state.provider = kCpuProvider;
  }
  state.memory.reset(get<OrtMemoryInfo*>(ErrorKind::inference, kRunFailed, api().CreateCpuMemoryInfo,
                                         OrtDeviceAllocator, OrtMemTypeDefault));
  state.input = find_input(state.session.get(), config.model_path, config.input, config.input_index);
  state.output = find_output(state.session.get(), config.model_path, config.output, config.output_index);
  if (config.device == DeviceKind::cpu || config.device == DeviceKind::named) return;
  state.device = &cuda::Device::get(config.device_id);
  state.runs = std::make_unique<DeviceRuns>(state.session.get(), state.input, state.output, *state.device,
                                            gpu ? "Cuda" : "Cpu", config.runs_at_once);
}

Session::~Session() = default;

const TensorInfo& Session::input() const { return state_->input; }
const TensorInfo& Session::output() const { return state_->output; }
const std::string& Session::provider() const { return state_->provider; }

const cuda::Device* Session::device() const { return state_->device; }

std::vector<std::int64_t> Session::run(const void* data, const std::vector<std::int64_t>& shape,
                                       cuda::HostBuffer& result) const {
  const State& state = *state_;
  if (state.runs) return state.runs->from_host(data, shape, result);
  // The C API has no tensor over constant memory; the runtime does not write to its inputs.
  const ValueHandle input = tensor_over(const_cast<void*>(data), shape, state.input.type, state.memory);

  // A bound output keeps its shape: where the graph comes to another one the runtime fails instead of writing.
  const bool bound = state.output.type == ElementType::float32 && is_static(state.output.shape);
  ValueHandle output;
  if (bound) {
    result.reserve(element_count(state.output.shape) * sizeof(float));
    output = tensor_over(result.data(), state.output.shape, state.output.type, state.memory);
  }

  const char* input_name = state.input.name.c_str();
  const char* output_name = state.output.name.c_str();
  const OrtValue* input_value = input.get();
  OrtValue* output_value = output.get();
  const StoppableRun run;
  OrtStatus* status =
      api().Run(state.session.get(), run.options(), &input_name, &input_value, 1, &output_name, 1, &output_value);
  if (!bound) output.reset(output_value);
  run.check_end(status);
  if (bound) return state.output.shape;
  std::vector<std::int64_t> result_shape = shape_of_value(output.get());
  const std::size_t count = element_count(result_shape);
  result.reserve(count * sizeof(float));
  to_float(data_of(output.get()), state.output.type, count, static_cast<float*>(result.data()));
  return result_shape;
}

std::vector<std::int64_t> Session::run_on_device(const void* data, const std::vector<std::int64_t>& shape,
                                                 cuda::DeviceBuffer& result, cuda::Stream& stream) const {
  return state_->runs->on_device(data, shape, result, stream);
}

}  // namespace rmbg::ort
