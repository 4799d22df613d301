#include "testing/bare_operators.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>

#include "bindings/gil.hpp"
#include "core/buffer.hpp"
#include "core/cpu.hpp"
#include "core/error.hpp"
#include "core/pool.hpp"
#include "net/attention.hpp"
#include "net/dispatch.hpp"
#include "net/linear_layers.hpp"

namespace py = pybind11;

namespace rmbg::testing {
namespace {

using FloatArray = py::array_t<float, int{py::array::c_style} | int{py::array::forcecast} |
                                          int{py::detail::npy_api::NPY_ARRAY_ALIGNED_}>;

void on_pool(void*, void (*work)(void*, std::size_t), void* data, std::size_t count) { run_on_pool(work, data, count); }

FloatArray attend(const std::vector<std::int64_t>& plan, const FloatArray& bias, const FloatArray& qkv,
                  const FloatArray& qkv_bias, const std::string& tier, int threads) {
  const net::Windows windows = net::decode_windows(plan.data(), plan.size());
  const auto channels = static_cast<py::ssize_t>(net::channels_of(windows));
  const auto tokens = static_cast<py::ssize_t>(net::tokens_of(windows));
  const bool fits = qkv.ndim() >= 1 && qkv.shape(qkv.ndim() - 1) == 3 * channels && qkv_bias.size() == 3 * channels &&
                    qkv.size() % (tokens * 3 * channels) == 0 &&
                    bias.size() == static_cast<py::ssize_t>(net::bias_floats(windows));
  if (!fits || threads < 1) throw Error(ErrorKind::option, "an array has another shape");
  std::vector<py::ssize_t> shape(qkv.shape(), qkv.shape() + qkv.ndim());
  shape.back() = channels;
  FloatArray out(shape);
  Buffer scratch(net::attention_scratch(windows) * static_cast<std::size_t>(threads) * sizeof(float));
  const net::AttentionBuffers buffers{qkv.data(), qkv_bias.data(), bias.data(), out.mutable_data(),
                                      static_cast<float*>(scratch.data())};
  const int images = static_cast<int>(qkv.size() / (tokens * 3 * channels));
  bindings::without_gil([&] { net::attend(windows, images, buffers, net::find(tier), {nullptr, &on_pool, threads}); });
  return out;
}

// `tokens` 0: as many tokens a job as fit the cache.
FloatArray linear_layers(const std::vector<std::int64_t>& plan, const FloatArray& weights, const FloatArray& in,
                         const std::optional<FloatArray>& residual, const std::string& tier, int threads,
                         std::size_t tokens) {
  const net::LinearLayers layers = net::decode_linear_layers(plan.data(), plan.size());
  const auto count = static_cast<std::size_t>(in.size() / layers.inputs);
  const auto floats = static_cast<py::ssize_t>(count) * layers.outputs;
  const bool fits = in.ndim() >= 1 && in.shape(in.ndim() - 1) == layers.inputs &&
                    weights.size() == static_cast<py::ssize_t>(net::weight_floats(layers)) &&
                    (!residual || residual->size() == floats);
  if (!fits || threads < 1) throw Error(ErrorKind::option, "an array has another shape");
  std::vector<py::ssize_t> shape(in.shape(), in.shape() + in.ndim());
  shape.back() = layers.outputs;
  FloatArray out(shape);
  net::LinearCut cut = net::cut_of(layers, count, {threads, second_level_cache()});
  if (tokens > 0) cut.tokens = tokens;
  Buffer scratch(net::linear_scratch(layers, cut) * static_cast<std::size_t>(threads) * sizeof(float));
  const net::LinearBuffers buffers{in.data(), weights.data(), residual ? residual->data() : nullptr, out.mutable_data(),
                                   static_cast<float*>(scratch.data())};
  bindings::without_gil(
      [&] { net::run_linear_layers(layers, count, cut, buffers, net::find(tier), {nullptr, &on_pool, threads}); });
  return out;
}

}  // namespace

void bind_bare_operators(py::module_& m) {
  using py::arg;
  m.def("attend", &attend, arg("plan"), arg("bias"), arg("qkv"), arg("qkv_bias"), arg("tier"), arg("threads"));
  m.def("linear_layers", &linear_layers, arg("plan"), arg("weights"), arg("x"), arg("residual"), arg("tier"),
        arg("threads"), arg("tokens") = 0);
}

}  // namespace rmbg::testing
