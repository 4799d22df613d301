#include "ort/attention_op.hpp"

#include "core/buffer.hpp"
#include "core/error.hpp"
#include "net/attention.hpp"

namespace rmbg::ort {
namespace {

struct Attention {
  Attention(const OrtKernelInfo* info, const Op& op) : kernels(*op.kernels), threads(op.threads) {
    const std::vector<std::int64_t> numbers = plan_of(info);
    windows = net::decode_windows(numbers.data(), numbers.size());
    const OrtValue* const value = constant_input(info, 0);
    if (floats_of(value) != net::bias_floats(windows)) throw Error(ErrorKind::model, "an attention's bias is damaged");
    bias = values_of(value);
  }

  const net::Kernels& kernels;
  int threads;
  net::Windows windows;
  const float* bias;
};

[[noreturn]] void refuse_shape() {
  throw Error(ErrorKind::inference, "an attention was given a tensor of another shape");
}

void compute(const Attention& attention, OrtKernelContext* context) {
  if (input_count(context) != 3) refuse_shape();
  const net::Windows& windows = attention.windows;
  const std::size_t channels = net::channels_of(windows);
  const OrtValue* const tokens = input_of(context, 1);
  const OrtValue* const bias = input_of(context, 2);
  std::vector<std::int64_t> shape = shape_of_value(tokens);
  const std::size_t floats = element_count(shape);
  const std::size_t of_image = net::tokens_of(windows) * 3 * channels;
  constexpr std::size_t most = 1 << 20;
  if (shape.empty() || shape.back() != static_cast<std::int64_t>(3 * channels) || floats % of_image != 0 ||
      floats / of_image > most || floats_of(bias) != 3 * channels) {
    refuse_shape();
  }
  shape.back() = static_cast<std::int64_t>(channels);
  float* const out = output_of(context, 0, shape);
  Buffer scratch(net::attention_scratch(windows) * static_cast<std::size_t>(attention.threads) * sizeof(float));
  const net::AttentionBuffers buffers{values_of(tokens), values_of(bias), attention.bias, out,
                                      static_cast<float*>(scratch.data())};
  net::attend(windows, static_cast<int>(floats / of_image), buffers, attention.kernels,
              {nullptr, &run_on_threads, attention.threads});
}

}  // namespace

Op make_attention_op(const net::Kernels& kernels, int threads) {
  Op op = make_op([](const OrtCustomOp*) { return "WindowAttention"; }, kernels, threads);
  op.CreateKernelV2 = [](const OrtCustomOp* self, void* const*, const OrtKernelInfo* info, void** kernel) {
    return guarded([&] { *kernel = new Attention(info, *static_cast<const Op*>(self)); });
  };
  op.KernelComputeV2 = [](void* kernel, OrtKernelContext* context) {
    return guarded([&] { compute(*static_cast<const Attention*>(kernel), context); });
  };
  op.KernelDestroy = [](void* kernel) { delete static_cast<Attention*>(kernel); };
  return op;
}

}  // namespace rmbg::ort
