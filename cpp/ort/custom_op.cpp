#include "ort/custom_op.hpp"

#include "core/error.hpp"
#include "core/pool.hpp"

namespace rmbg::ort {

std::vector<std::int64_t> plan_of(const OrtKernelInfo* info) {
  std::size_t size = 0;
  check(api().KernelInfoGetAttributeArray_int64(info, "plan", nullptr, &size), ErrorKind::model, kNetworkFailed);
  std::vector<std::int64_t> plan(size);
  check(api().KernelInfoGetAttributeArray_int64(info, "plan", plan.data(), &size), ErrorKind::model, kNetworkFailed);
  return plan;
}

const OrtValue* constant_input(const OrtKernelInfo* info, std::size_t index) {
  int is_constant = 0;
  const OrtValue* value = nullptr;
  check(api().KernelInfoGetConstantInput_tensor(info, index, &is_constant, &value), ErrorKind::model, kNetworkFailed);
  if (is_constant == 0 || value == nullptr) throw Error(ErrorKind::model, "a network's weights are not constant");
  return value;
}

std::size_t floats_of(const OrtValue* value) { return element_count(shape_of_value(value)); }

std::size_t input_count(const OrtKernelContext* context) {
  return get<std::size_t>(ErrorKind::inference, kNetworkFailed, api().KernelContext_GetInputCount, context);
}

float* output_of(OrtKernelContext* context, std::size_t index, const std::vector<std::int64_t>& shape) {
  auto* output = get<OrtValue*>(ErrorKind::inference, kNetworkFailed, api().KernelContext_GetOutput, context, index,
                                shape.data(), shape.size());
  return static_cast<float*>(get<void*>(ErrorKind::inference, kNetworkFailed, api().GetTensorMutableData, output));
}

void run_on_threads(void*, void (*work)(void*, std::size_t), void* data, std::size_t count) {
  run_on_pool(work, data, count);
}

Op make_op(const char* (*name)(const OrtCustomOp*), const net::Kernels& kernels, int threads) {
  Op op{};
  op.version = kOldestApi;  // all members are older than that
  op.kernels = &kernels;
  op.threads = threads;
  op.GetName = name;
  op.GetExecutionProviderType = [](const OrtCustomOp*) -> const char* { return nullptr; };
  op.GetInputType = [](const OrtCustomOp*, std::size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; };
  op.GetOutputType = op.GetInputType;
  op.GetInputTypeCount = [](const OrtCustomOp*) { return std::size_t{1}; };
  op.GetOutputTypeCount = op.GetInputTypeCount;
  op.GetInputCharacteristic = [](const OrtCustomOp*, std::size_t) { return INPUT_OUTPUT_VARIADIC; };
  op.GetOutputCharacteristic = op.GetInputCharacteristic;
  op.GetInputMemoryType = [](const OrtCustomOp*, std::size_t) { return OrtMemTypeDefault; };
  op.GetVariadicInputMinArity = [](const OrtCustomOp*) { return 1; };
  op.GetVariadicOutputMinArity = op.GetVariadicInputMinArity;
  op.GetVariadicInputHomogeneity = op.GetVariadicInputMinArity;
  op.GetVariadicOutputHomogeneity = op.GetVariadicInputMinArity;
  op.GetStartVersion = op.GetVariadicInputMinArity;
  op.GetEndVersion = op.GetVariadicInputMinArity;
  const auto no_pairs = [](int** inputs, int** outputs) {
    *inputs = *outputs = nullptr;
    return std::size_t{0};
  };
  op.GetMayInplace = no_pairs;
  op.GetAliasMap = no_pairs;
  op.ReleaseMayInplace = [](int*, int*) {};
  op.ReleaseAliasMap = op.ReleaseMayInplace;
  return op;
}

}  // namespace rmbg::ort
