#include "testing/bare_network.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <chrono>

#include "bindings/gil.hpp"
#include "core/cpu.hpp"
#include "core/error.hpp"
#include "core/pool.hpp"
#include "net/dispatch.hpp"
#include "net/network.hpp"
#include "testing/timed_kernels.hpp"

namespace py = pybind11;

namespace rmbg::testing {
namespace {

using FloatArray = py::array_t<float, int{py::array::c_style} | int{py::array::forcecast} |
                                          int{py::detail::npy_api::NPY_ARRAY_ALIGNED_}>;

// A network without a runtime around it, on threads of its own: what the tests and the benchmarks of the kernels run.
class BareNetwork {
 public:
  // With `parts`, profile() tells them too.
  BareNetwork(const std::vector<std::int64_t>& plan, FloatArray weights, const std::string& tier, int threads,
              bool frugal, bool parts)
      : weights_(std::move(weights)),
        threads_(threads),
        parts_(parts),
        network_(net::decode(plan.data(), plan.size(), static_cast<std::size_t>(weights_.size())), weights_.data(),
                 parts ? timed(net::find(tier)) : net::find(tier), {threads, second_level_cache(), frugal}) {
    if (threads < 1) throw Error(ErrorKind::option, "threads must be at least 1");
  }

  std::vector<FloatArray> run(const std::vector<FloatArray>& inputs) { return run(inputs, nullptr).outputs; }

  // Bytes that a run works in, beside what each thread needs.
  std::size_t arena(const std::vector<FloatArray>& inputs) {
    return network_.schedule(shapes_of(inputs))->arena * sizeof(float);
  }

  // What each step does, how it is cut, and the milliseconds it takes; of its parts, those of all threads together.
  py::list profile(const std::vector<FloatArray>& inputs) {
    Clock clock;
    clock.parts = parts_;
    take_times();
    const net::Observer observer{&clock, [](void* context, std::size_t) { static_cast<Clock*>(context)->lap(); }};
    const std::shared_ptr<const net::Schedule> used = run(inputs, &observer).schedule;
    const net::Schedule& schedule = *used;
    py::list steps;
    for (std::size_t i = 0; i < clock.laps.size(); ++i) {
      const net::Step& step = network_.plan().steps[i];
      const net::Ready& ready = schedule.steps[i];
      const net::Allocation& out = schedule.values[static_cast<std::size_t>(step.output)];
      int channels = 0;
      for (const int input : step.inputs) channels += network_.plan().values[static_cast<std::size_t>(input)].channels;
      py::dict row;
      row["algorithm"] = name_of(ready);
      row["milliseconds"] = clock.laps[i];
      row["channels"] =
          py::make_tuple(channels, network_.plan().values[static_cast<std::size_t>(step.output)].channels);
      row["height"] = out.shape.height;
      row["width"] = out.shape.width;
      row["window"] = py::make_tuple(step.window.height, step.window.stride_y, step.window.dilation_y);
      row["cut"] = py::make_tuple(ready.cut.tile_groups, ready.cut.outputs, ready.cut.inputs, ready.cut.shared);
      if (parts_) {
        py::dict parts;
        for (std::size_t part = 0; part < kParts; ++part) parts[kPartNames[part]] = clock.times[i].milliseconds[part];
        row["parts"] = parts;
        row["operations"] = clock.times[i].operations;
      }
      steps.append(row);
    }
    return steps;
  }

 private:
  struct Clock {
    bool parts = false;
    std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
    std::vector<double> laps;
    std::vector<Times> times;
    void lap() {
      const auto now = std::chrono::steady_clock::now();
      laps.push_back(std::chrono::duration<double, std::milli>(now - start).count());
      if (parts) times.push_back(take_times());
      start = now;
    }
  };

  static std::string name_of(const net::Ready& ready) {
    constexpr const char* variants[] = {"winograd F4", "winograd F6", "winograd F5"};
    if (ready.algorithm == net::Algorithm::winograd) return variants[ready.winograd];
    constexpr const char* names[] = {"none", "winograd", "direct",     "dot",     "max_pool", "resize", "add",
                                     "pack", "unpack",   "deformable", "sigmoid", "gate",     "mean"};
    return names[static_cast<std::size_t>(ready.algorithm)];
  }

  struct Ran {
    std::vector<FloatArray> outputs;
    std::shared_ptr<const net::Schedule> schedule;
  };

  std::vector<net::Shape> shapes_of(const std::vector<FloatArray>& inputs) const {
    const net::Plan& plan = network_.plan();
    if (inputs.size() != plan.inputs.size()) throw Error(ErrorKind::option, "another number of inputs is needed");
    std::vector<net::Shape> shapes;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const FloatArray& input = inputs[i];
      const int channels = plan.values[static_cast<std::size_t>(plan.inputs[i])].channels;
      if (input.ndim() != 4 || input.shape(1) != channels) throw Error(ErrorKind::option, "an input has another shape");
      shapes.push_back(
          {static_cast<int>(input.shape(0)), static_cast<int>(input.shape(2)), static_cast<int>(input.shape(3))});
    }
    return shapes;
  }

  Ran run(const std::vector<FloatArray>& inputs, const net::Observer* observer) {
    const net::Plan& plan = network_.plan();
    const std::shared_ptr<const net::Schedule> schedule = network_.schedule(shapes_of(inputs));
    std::vector<const float*> from;
    from.reserve(inputs.size());
    for (const FloatArray& input : inputs) from.push_back(input.data());
    std::vector<FloatArray> outputs;
    std::vector<float*> to;
    for (const int value : plan.outputs) {
      const net::Shape shape = schedule->values[static_cast<std::size_t>(value)].shape;
      outputs.emplace_back(std::vector<py::ssize_t>{shape.batch, plan.values[static_cast<std::size_t>(value)].channels,
                                                    shape.height, shape.width});
      to.push_back(outputs.back().mutable_data());
    }
    bindings::without_gil(
        [&] { network_.run(*schedule, from.data(), to.data(), {nullptr, &on_pool, threads_}, observer); });
    return {std::move(outputs), schedule};
  }

  // Steps only ask for as many calls as there are threads.
  static void on_pool(void*, void (*work)(void*, std::size_t), void* data, std::size_t count) {
    run_on_pool(work, data, count);
  }

  FloatArray weights_;
  int threads_;
  bool parts_;
  net::Network network_;
};

}  // namespace

void bind_bare_network(py::module_& m) {
  using py::arg;
  py::class_<BareNetwork>(m, "BareNetwork")
      .def(py::init<const std::vector<std::int64_t>&, FloatArray, const std::string&, int, bool, bool>(), arg("plan"),
           arg("weights"), arg("tier"), arg("threads"), arg("frugal") = false, arg("parts") = false)
      .def("run", py::overload_cast<const std::vector<FloatArray>&>(&BareNetwork::run), arg("inputs"))
      .def("arena", &BareNetwork::arena, arg("inputs"))
      .def("profile", &BareNetwork::profile, arg("inputs"));
}

}  // namespace rmbg::testing
