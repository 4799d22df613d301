#include "ort/network_op.hpp"

#include <vector>

#include "core/cpu.hpp"
#include "net/network.hpp"
#include "ort/attention_op.hpp"
#include "ort/custom_op.hpp"
#include "ort/linear_layers_op.hpp"

namespace rmbg::ort {
namespace {

constexpr std::size_t kRank = 4;

std::unique_ptr<net::Network> network_of(const OrtKernelInfo* info, const Op& op) {
  const OrtValue* const weights = constant_input(info, 0);
  const std::vector<std::int64_t> numbers = plan_of(info);
  net::Plan plan = net::decode(numbers.data(), numbers.size(), floats_of(weights));
  return std::make_unique<net::Network>(std::move(plan), values_of(weights), *op.kernels,
                                        net::Machine{op.threads, second_level_cache()});
}

void compute(net::Network& network, OrtKernelContext* context) {
  const net::Plan& plan = network.plan();
  if (input_count(context) != plan.inputs.size() + 1)
    throw Error(ErrorKind::inference, "a network has another number of inputs");
  std::vector<net::Shape> shapes;
  std::vector<const float*> inputs;
  for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
    const OrtValue* const value = input_of(context, i + 1);
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
    outputs.push_back(output_of(context, i, {shape.batch, plan.values[value].channels, shape.height, shape.width}));
  }
  network.run(*schedule, inputs.data(), outputs.data(), {nullptr, &run_on_threads, network.threads()});
}

Op make_network_op(const net::Kernels& kernels, int threads) {
  Op op = make_op([](const OrtCustomOp*) { return "Network"; }, kernels, threads);
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
  Op network, attention, linear_layers;
  CustomOpDomainHandle domain;
};

NetworkOp::NetworkOp(const net::Kernels& kernels, int threads) : state_(std::make_unique<State>()) {
  const char* failed = "ONNX Runtime refused our operators";
  state_->network = make_network_op(kernels, threads);
  state_->attention = make_attention_op(kernels, threads);
  state_->linear_layers = make_linear_layers_op(kernels, threads);
  state_->domain.reset(get<OrtCustomOpDomain*>(ErrorKind::option, failed, api().CreateCustomOpDomain, "rmbg_fast"));
  for (const Op* op : {&state_->network, &state_->attention, &state_->linear_layers}) {
    check(api().CustomOpDomain_Add(state_->domain.get(), op), ErrorKind::option, failed);
  }
}

NetworkOp::~NetworkOp() = default;

void NetworkOp::add_to(OrtSessionOptions* options) const {
  check(api().AddCustomOpDomain(options, state_->domain.get()), ErrorKind::option,
        "ONNX Runtime refused our operators");
}

const OrtCustomOp* NetworkOp::custom_op() const { return &state_->network; }

}  // namespace rmbg::ort
