#include "ort/network_op.hpp"

#include <array>
#include <exception>
#include <string>
#include <vector>

#include "core/cpu.hpp"
#include "core/pool.hpp"
#include "net/network.hpp"
#include "ort/handles.hpp"
#include "ort/library.hpp"
#include "ort/model_io.hpp"
#include "ort/status.hpp"
#include "ort/tensors.hpp"

namespace rmbg::ort {
namespace {

constexpr const char* kNetworkFailed = "the network cannot be run";
constexpr std::size_t kRank = 4;

struct Op : OrtCustomOp {
  const net::Kernels* kernels;
  int threads;
};

// What an exception becomes where only a status may pass.
template <typename Action>
OrtStatus* guarded(const Action& action) noexcept {
  try {
    action();
    return nullptr;
  } catch (const std::exception& error) {
    return api().CreateStatus(ORT_FAIL, error.what());
  }
}

// The C API has no reading access to tensors; constants and inputs are not written to.
const float* values_of(const OrtValue* value) {
  return static_cast<const float*>(
      get<void*>(ErrorKind::inference, kNetworkFailed, api().GetTensorMutableData, const_cast<OrtValue*>(value)));
}

std::vector<std::int64_t> plan_of(const OrtKernelInfo* info) {
  std::size_t size = 0;
  check(api().KernelInfoGetAttributeArray_int64(info, "plan", nullptr, &size), ErrorKind::model, kNetworkFailed);
  std::vector<std::int64_t> plan(size);
  check(api().KernelInfoGetAttributeArray_int64(info, "plan", plan.data(), &size), ErrorKind::model, kNetworkFailed);
  return plan;
}

std::unique_ptr<net::Network> network_of(const OrtKernelInfo* info, const Op& op) {
  int is_constant = 0;
  const OrtValue* weights = nullptr;
  check(api().KernelInfoGetConstantInput_tensor(info, 0, &is_constant, &weights), ErrorKind::model, kNetworkFailed);
  if (is_constant == 0 || weights == nullptr) throw Error(ErrorKind::model, "a network's weights are not constant");
  std::size_t count = 1;
  for (const std::int64_t size : shape_of_value(weights)) count *= static_cast<std::size_t>(size);
  const std::vector<std::int64_t> numbers = plan_of(info);
  net::Plan plan = net::decode(numbers.data(), numbers.size(), count);
  return std::make_unique<net::Network>(std::move(plan), values_of(weights), *op.kernels,
                                        net::Machine{op.threads, second_level_cache()});
}

void run_parallel(void*, void (*work)(void*, std::size_t), void* data, std::size_t count) {
  run_on_pool(work, data, count);
}

void compute(net::Network& network, OrtKernelContext* context) {
  const net::Plan& plan = network.plan();
  const auto count = get<std::size_t>(ErrorKind::inference, kNetworkFailed, api().KernelContext_GetInputCount, context);
  if (count != plan.inputs.size() + 1) throw Error(ErrorKind::inference, "a network has another number of inputs");
  std::vector<net::Shape> shapes;
  std::vector<const float*> inputs;
  for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
    const auto* value =
        get<const OrtValue*>(ErrorKind::inference, kNetworkFailed, api().KernelContext_GetInput, context, i + 1);
    const std::vector<std::int64_t> shape = shape_of_value(value);
    const int channels = plan.values[static_cast<std::size_t>(plan.inputs[i])].channels;
    constexpr std::int64_t most = 1 << 20;
    if (shape.size() != kRank || shape[1] != channels || shape[0] > most || shape[2] > most || shape[3] > most) {
      throw Error(ErrorKind::inference, "a network was given a tensor of another shape");
    }
    shapes.push_back({static_cast<int>(shape[0]), static_cast<int>(shape[2]), static_cast<int>(shape[3])});
    inputs.push_back(values_of(value));
  }
  const std::shared_ptr<const net::Schedule> schedule = network.schedule(shapes);
  std::vector<float*> outputs;
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    const std::size_t value = static_cast<std::size_t>(plan.outputs[i]);
    const net::Shape shape = schedule->values[value].shape;
    const std::array<std::int64_t, kRank> sizes{shape.batch, plan.values[value].channels, shape.height, shape.width};
    auto* output = get<OrtValue*>(ErrorKind::inference, kNetworkFailed, api().KernelContext_GetOutput, context, i,
                                  sizes.data(), kRank);
    outputs.push_back(
        static_cast<float*>(get<void*>(ErrorKind::inference, kNetworkFailed, api().GetTensorMutableData, output)));
  }
  network.run(*schedule, inputs.data(), outputs.data(), {nullptr, &run_parallel, network.threads()});
}

Op make_op(const net::Kernels& kernels, int threads) {
  Op op{};
  op.version = kOldestApi;  // all members are older than that
  op.kernels = &kernels;
  op.threads = threads;
  op.GetName = [](const OrtCustomOp*) { return "Network"; };
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
  op.CreateKernelV2 = [](const OrtCustomOp* self, void* const*, const OrtKernelInfo* info, void** kernel) {
    return guarded([&] { *kernel = network_of(info, *static_cast<const Op*>(self)).release(); });
  };
  op.KernelComputeV2 = [](void* kernel, OrtKernelContext* context) {
    return guarded([&] { compute(*static_cast<net::Network*>(kernel), context); });
  };
  op.KernelDestroy = [](void* kernel) { delete static_cast<net::Network*>(kernel); };
  return op;
}

}  // namespace

struct NetworkOp::State {
  Op op;
  CustomOpDomainHandle domain;
};

NetworkOp::NetworkOp(const net::Kernels& kernels, int threads) : state_(std::make_unique<State>()) {
  const char* failed = "ONNX Runtime refused our operators";
  state_->op = make_op(kernels, threads);
  state_->domain.reset(get<OrtCustomOpDomain*>(ErrorKind::option, failed, api().CreateCustomOpDomain, "rmbg_fast"));
  check(api().CustomOpDomain_Add(state_->domain.get(), &state_->op), ErrorKind::option, failed);
}

NetworkOp::~NetworkOp() = default;

void NetworkOp::add_to(OrtSessionOptions* options) const {
  check(api().AddCustomOpDomain(options, state_->domain.get()), ErrorKind::option,
        "ONNX Runtime refused our operators");
}

const OrtCustomOp* NetworkOp::custom_op() const { return &state_->op; }

}  // namespace rmbg::ort
