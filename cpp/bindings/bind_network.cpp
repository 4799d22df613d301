#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <thread>

#include "bindings/bind.hpp"
#include "core/cpu.hpp"
#include "core/error.hpp"
#include "net/dispatch.hpp"
#include "net/network.hpp"

namespace py = pybind11;

namespace rmbg::bindings {
namespace {

using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;

// A network without a runtime around it, on threads of its own: what the tests and the benchmarks of the kernels run.
class BareNetwork {
 public:
  BareNetwork(const std::vector<std::int64_t>& plan, FloatArray weights, const std::string& tier, int threads)
      : weights_(std::move(weights)),
        threads_(threads),
        network_(net::decode(plan.data(), plan.size(), static_cast<std::size_t>(weights_.size())), weights_.data(),
                 net::find(tier), {threads, second_level_cache()}) {
    if (threads < 1) throw Error(ErrorKind::option, "threads must be at least 1");
  }

  std::vector<FloatArray> run(const std::vector<FloatArray>& inputs) {
    const net::Plan& plan = network_.plan();
    if (inputs.size() != plan.inputs.size()) throw Error(ErrorKind::option, "another number of inputs is needed");
    std::vector<net::Shape> shapes;
    std::vector<const float*> from;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const FloatArray& input = inputs[i];
      const int channels = plan.values[static_cast<std::size_t>(plan.inputs[i])].channels;
      if (input.ndim() != 4 || input.shape(1) != channels) throw Error(ErrorKind::option, "an input has another shape");
      shapes.push_back({static_cast<int>(input.shape(0)), static_cast<int>(input.shape(2)), static_cast<int>(input.shape(3))});
      from.push_back(input.data());
    }
    const auto schedule = network_.schedule(shapes);
    std::vector<FloatArray> outputs;
    std::vector<float*> to;
    for (const int value : plan.outputs) {
      const net::Shape shape = schedule->values[static_cast<std::size_t>(value)].shape;
      outputs.emplace_back(std::vector<py::ssize_t>{shape.batch, plan.values[static_cast<std::size_t>(value)].channels,
                                                    shape.height, shape.width});
      to.push_back(outputs.back().mutable_data());
    }
    const py::gil_scoped_release release;
    network_.run(*schedule, from.data(), to.data(), {nullptr, &on_threads, threads_});
    return outputs;
  }

 private:
  static void on_threads(void*, void (*work)(void*, std::size_t), void* data, std::size_t count) {
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < count; ++i) threads.emplace_back(work, data, i);
    work(data, 0);
    for (std::thread& thread : threads) thread.join();
  }

  FloatArray weights_;
  int threads_;
  net::Network network_;
};

}  // namespace

void bind_network(py::module_& m) {
  using py::arg;
  m.def("network_tiers", [] {
    py::dict names;  // name -> whether this CPU runs it
    for (const net::Tier& tier : net::tiers()) names[tier.kernels->name] = tier.runs_here;
    return names;
  });
  m.def("network_tier", [] {
    const net::Kernels* kernels = net::chosen();
    return std::string(kernels ? kernels->name : "");
  });
  py::class_<BareNetwork>(m, "BareNetwork")
      .def(py::init<const std::vector<std::int64_t>&, FloatArray, const std::string&, int>(), arg("plan"), arg("weights"),
           arg("tier"), arg("threads"))
      .def("run", &BareNetwork::run, arg("inputs"));
}

}  // namespace rmbg::bindings
