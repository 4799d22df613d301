#include "ort/linear_layers_op.hpp"

#include "core/buffer.hpp"
#include "core/cpu.hpp"
#include "core/error.hpp"
#include "net/linear_layers.hpp"

namespace rmbg::ort {
namespace {

struct Layers {
  Layers(const OrtKernelInfo* info, const Op& op) : kernels(*op.kernels), machine{op.threads, second_level_cache()} {
    const std::vector<std::int64_t> numbers = plan_of(info);
    layers = net::decode_linear_layers(numbers.data(), numbers.size());
    const OrtValue* const value = constant_input(info, 0);
    if (floats_of(value) != net::weight_floats(layers)) {
      throw Error(ErrorKind::model, "the weights of linear layers are damaged");
    }
    weights = values_of(value);
  }

  const net::Kernels& kernels;
  net::Machine machine;
  net::LinearLayers layers;
  const float* weights;
};

void check_shape(bool good) {
  if (!good) throw Error(ErrorKind::inference, "linear layers were given a tensor of another shape");
}

void compute(const Layers& made, OrtKernelContext* context) {
  const net::LinearLayers& layers = made.layers;
  const std::size_t given = input_count(context);
  check_shape(given == 2 || given == 3);
  const OrtValue* const in = input_of(context, 1);
  const OrtValue* const residual = given == 3 ? input_of(context, 2) : nullptr;
  std::vector<std::int64_t> shape = shape_of_value(in);
  check_shape(!shape.empty() && shape.back() == layers.inputs);
  const std::size_t tokens = element_count(shape) / static_cast<std::size_t>(layers.inputs);
  shape.back() = layers.outputs;
  if (residual) {
    shape = shape_of_value(residual);
    check_shape(!shape.empty() && shape.back() == layers.outputs &&
                element_count(shape) == tokens * static_cast<std::size_t>(layers.outputs));
  }
  float* const out = output_of(context, 0, shape);
  const net::LinearCut cut = net::cut_of(layers, tokens, made.machine);
  Buffer scratch(net::linear_scratch(layers, cut) * static_cast<std::size_t>(made.machine.threads) * sizeof(float));
  const net::LinearBuffers buffers{values_of(in), made.weights, residual ? values_of(residual) : nullptr, out,
                                   static_cast<float*>(scratch.data())};
  net::run_linear_layers(layers, tokens, cut, buffers, made.kernels, {nullptr, &run_on_threads, made.machine.threads});
}

}  // namespace

Op make_linear_layers_op(const net::Kernels& kernels, int threads) {
  Op op = make_op([](const OrtCustomOp*) { return "LinearLayers"; }, kernels, threads);
  op.CreateKernelV2 = [](const OrtCustomOp* self, void* const*, const OrtKernelInfo* info, void** kernel) {
    return guarded([&] { *kernel = new Layers(info, *static_cast<const Op*>(self)); });
  };
  op.KernelComputeV2 = [](void* kernel, OrtKernelContext* context) {
    return guarded([&] { compute(*static_cast<const Layers*>(kernel), context); });
  };
  op.KernelDestroy = [](void* kernel) { delete static_cast<Layers*>(kernel); };
  return op;
}

}  // namespace rmbg::ort
