#include "testing/bare_attention.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings/gil.hpp"
#include "core/buffer.hpp"
#include "core/error.hpp"
#include "core/pool.hpp"
#include "net/attention.hpp"
#include "net/dispatch.hpp"

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

}  // namespace

void bind_bare_attention(py::module_& m) {
  using py::arg;
  m.def("attend", &attend, arg("plan"), arg("bias"), arg("qkv"), arg("qkv_bias"), arg("tier"), arg("threads"));
}

}  // namespace rmbg::testing
