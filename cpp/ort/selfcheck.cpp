#include "ort/selfcheck.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "net/dispatch.hpp"
#include "ort/handles.hpp"
#include "ort/library.hpp"
#include "ort/network_op.hpp"

namespace rmbg::ort {
namespace {

class SlotCheck {
 public:
  std::vector<std::string> run() {
    check_status();
    check_session_options();
    check_cuda_options();
    check_custom_ops();
    check_memory();
    check_run_options();
    check_tensor();
    expect("GetBuildInfoString", std::strstr(api_.GetBuildInfoString(), "build") != nullptr);
    return failed_;
  }

 private:
  void expect(const char* slot, bool holds) {
    if (!holds) failed_.emplace_back(slot);
  }

  // Takes the status.
  void succeeds(const char* slot, OrtStatus* status) { expect(slot, StatusHandle(status) == nullptr); }

  void fails(const char* slot, OrtStatus* status, const char* message) {
    const StatusHandle owned(status);
    expect(slot, status != nullptr && std::strstr(api_.GetErrorMessage(status), message) != nullptr);
  }

  void succeeds_or_fails(const char* slot, OrtStatus* status, const char* message) {
    if (status != nullptr) fails(slot, status, message);
  }

  void check_status() {
    const StatusHandle status(api_.CreateStatus(ORT_NOT_IMPLEMENTED, "a message"));
    expect("CreateStatus", status != nullptr);
    if (status == nullptr) return;
    expect("GetErrorCode", api_.GetErrorCode(status.get()) == ORT_NOT_IMPLEMENTED);
    expect("GetErrorMessage", std::strcmp(api_.GetErrorMessage(status.get()), "a message") == 0);
    // The environment is made once a process, and again is the same.
    OrtEnv* environment_again = nullptr;
    succeeds("CreateEnv", api_.CreateEnv(kLogLevel, "rmbg_fast", &environment_again));
    expect("CreateEnv", environment_again == environment());
  }

  void check_run_options() {
    OrtRunOptions* raw = nullptr;
    succeeds("CreateRunOptions", api_.CreateRunOptions(&raw));
    const RunOptionsHandle options(raw);
    expect("CreateRunOptions", options != nullptr);
    if (options) succeeds("RunOptionsSetTerminate", api_.RunOptionsSetTerminate(options.get()));
  }

  SessionOptionsHandle make_session_options() {
    OrtSessionOptions* raw = nullptr;
    succeeds("CreateSessionOptions", api_.CreateSessionOptions(&raw));
    return SessionOptionsHandle(raw);
  }

  void check_session_options() {
    const SessionOptionsHandle options = make_session_options();
    OrtSessionOptions* raw = options.get();
    succeeds("SetSessionExecutionMode", api_.SetSessionExecutionMode(raw, ORT_SEQUENTIAL));
    fails("SetSessionExecutionMode", api_.SetSessionExecutionMode(raw, static_cast<ExecutionMode>(-1)),
          "execution_mode");
    succeeds("DisableMemPattern", api_.DisableMemPattern(raw));
    succeeds("SetSessionGraphOptimizationLevel", api_.SetSessionGraphOptimizationLevel(raw, ORT_ENABLE_ALL));
    fails("SetSessionGraphOptimizationLevel",
          api_.SetSessionGraphOptimizationLevel(raw, static_cast<GraphOptimizationLevel>(-1)),
          "graph_optimization_level");
    succeeds("SetIntraOpNumThreads", api_.SetIntraOpNumThreads(raw, 1));
    succeeds("SetInterOpNumThreads", api_.SetInterOpNumThreads(raw, 1));
    char** providers = nullptr;
    int count = 0;
    succeeds("GetAvailableProviders", api_.GetAvailableProviders(&providers, &count));
    const std::vector<std::string> listed(providers, providers + count);
    expect("GetAvailableProviders", std::ranges::find(listed, "CPUExecutionProvider") != listed.end());
    succeeds("ReleaseAvailableProviders", api_.ReleaseAvailableProviders(providers, count));
    fails("SessionOptionsAppendExecutionProvider",
          api_.SessionOptionsAppendExecutionProvider(raw, "NoSuchProvider", nullptr, nullptr, 0), "NoSuchProvider");
    succeeds("AddSessionConfigEntry", api_.AddSessionConfigEntry(raw, "session.intra_op.allow_spinning", "0"));
    fails("AddSessionConfigEntry", api_.AddSessionConfigEntry(raw, "", "0"), "key");
    succeeds("SetSessionLogSeverityLevel", api_.SetSessionLogSeverityLevel(raw, kLogLevel));
  }

  // Where CUDA cannot be had, these answer with a status: not in this build, or a library that would not load.
  void check_cuda_options() {
    const char* key = "device_id";
    const char* value = "0";
    OrtCUDAProviderOptionsV2* raw = nullptr;
    OrtStatus* status = api_.CreateCUDAProviderOptions(&raw);
    const CudaOptionsHandle cuda(raw);
    if (status != nullptr) {
      fails("CreateCUDAProviderOptions", status, "CUDA");
      fails("UpdateCUDAProviderOptions", api_.UpdateCUDAProviderOptions(nullptr, &key, &value, 1), "CUDA");
      api_.ReleaseCUDAProviderOptions(nullptr);
      return;
    }
    expect("CreateCUDAProviderOptions", raw != nullptr);
    const SessionOptionsHandle options = make_session_options();
    succeeds_or_fails("UpdateCUDAProviderOptions", api_.UpdateCUDAProviderOptions(raw, &key, &value, 1), "library");
    succeeds_or_fails("SessionOptionsAppendExecutionProvider_CUDA_V2",
                      api_.SessionOptionsAppendExecutionProvider_CUDA_V2(options.get(), raw), "library");
  }

  // Slots that want a running kernel are checked by every session with a network in its graph.
  void check_custom_ops() {
    OrtCustomOpDomain* raw = nullptr;
    succeeds("CreateCustomOpDomain", api_.CreateCustomOpDomain("rmbg_fast.check", &raw));
    const CustomOpDomainHandle domain(raw);
    const NetworkOp op(net::find("reference"), 1);
    const SessionOptionsHandle options = make_session_options();
    succeeds("CustomOpDomain_Add", api_.CustomOpDomain_Add(raw, op.custom_op()));
    succeeds("AddCustomOpDomain", api_.AddCustomOpDomain(options.get(), raw));
  }

  void check_memory() {
    OrtAllocator* allocator = nullptr;
    succeeds("GetAllocatorWithDefaultOptions", api_.GetAllocatorWithDefaultOptions(&allocator));
    expect("GetAllocatorWithDefaultOptions", allocator != nullptr);
    succeeds("AllocatorFree", api_.AllocatorFree(allocator, nullptr));
  }

  void check_tensor() {
    OrtMemoryInfo* raw_memory = nullptr;
    succeeds("CreateCpuMemoryInfo", api_.CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &raw_memory));
    const MemoryInfoHandle memory(raw_memory);

    std::array<float, 6> data{};
    const std::array<std::int64_t, 3> shape{1, 2, 3};
    OrtValue* raw_value = nullptr;
    succeeds("CreateTensorWithDataAsOrtValue",
             api_.CreateTensorWithDataAsOrtValue(raw_memory, data.data(), sizeof(data), shape.data(), shape.size(),
                                                 ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &raw_value));
    const ValueHandle value(raw_value);
    if (value == nullptr) return;
    OrtValue* too_large = nullptr;
    fails("CreateTensorWithDataAsOrtValue",
          api_.CreateTensorWithDataAsOrtValue(raw_memory, data.data(), sizeof(data) - 1, shape.data(), shape.size(),
                                              ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &too_large),
          "");
    void* tensor_data = nullptr;
    succeeds("GetTensorMutableData", api_.GetTensorMutableData(raw_value, &tensor_data));
    expect("GetTensorMutableData", tensor_data == data.data());

    OrtTensorTypeAndShapeInfo* raw_info = nullptr;
    succeeds("GetTensorTypeAndShape", api_.GetTensorTypeAndShape(raw_value, &raw_info));
    const TensorInfoHandle info(raw_info);
    if (info == nullptr) return;
    ONNXTensorElementDataType type{};
    succeeds("GetTensorElementType", api_.GetTensorElementType(raw_info, &type));
    expect("GetTensorElementType", type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
    std::size_t rank = 0;
    succeeds("GetDimensionsCount", api_.GetDimensionsCount(raw_info, &rank));
    expect("GetDimensionsCount", rank == shape.size());
    std::array<std::int64_t, 3> dimensions{};
    succeeds("GetDimensions", api_.GetDimensions(raw_info, dimensions.data(), dimensions.size()));
    expect("GetDimensions", dimensions == shape);
  }

  const Api& api_ = api();
  std::vector<std::string> failed_;
};

}  // namespace

std::vector<std::string> check_slots() { return SlotCheck().run(); }

}  // namespace rmbg::ort
