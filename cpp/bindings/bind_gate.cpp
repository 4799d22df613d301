#include <pybind11/stl.h>

#include "bindings/bind.hpp"
#include "bindings/calls.hpp"
#include "bindings/gil.hpp"
#include "core/pool.hpp"

namespace py = pybind11;

namespace rmbg::bindings {
namespace {

using GatePointer = std::shared_ptr<Gate>;

std::unique_ptr<Call> join(const GatePointer& gate, int weight, bool bulk, bool for_lane, double head_start,
                           std::optional<double> timeout, bool signals) {
  const auto rank = bulk ? Gate::Rank::bulk : Gate::Rank::interactive;
  return std::make_unique<Call>(gate, weight, rank, for_lane, head_start, timeout, signals);
}

// A forked child finds its parent's gate as it was at that moment: locked, perhaps, with threads in it that are not here.
bool is_of_this_process(const GatePointer& gate) {
  const auto* const end = std::get_deleter<EndInItsProcess<Gate>>(gate);
  return end != nullptr && end->process == process_id();
}

py::dict counts_of(const Gate& gate) {
  const Gate::Counts counts = gate.counts();
  py::dict told;
  told["running"] = counts.running;
  told["waiting"] = counts.waiting;
  told["most_waiting"] = counts.most_waiting;
  told["entered"] = counts.entered;
  told["refused"] = counts.refused;
  return told;
}

}  // namespace

void bind_gate(py::module_& m) {
  using py::arg;
  m.def("set_cores", &set_cores, arg("cores"));
  py::class_<Call>(m, "Call")
      .def_property_readonly("number", &Call::number)
      .def("leave", &Call::leave)
      .def("cancel", [](Call& self) { self.stop().ask(Stop::Reason::cancelled); })
      .def("give_up", [](Call& self) { self.stop().ask(Stop::Reason::late); })
      .def("__enter__",
           [](py::object self) {
             self.cast<Call&>().enter();
             return self;
           })
      .def("__exit__", [](Call& self, const py::args&) {
        self.exit();
        self.leave();
      });
  py::class_<Gate, GatePointer>(m, "Gate")
      .def(py::init([](int slots, std::int64_t queue) {
             return GatePointer(new Gate(slots, queue), EndInItsProcess<Gate>());
           }),
           arg("slots"), arg("queue"))
      .def_property_readonly("slots", &Gate::slots)
      .def("join", &join, arg("weight"), arg("bulk"), arg("for_lane"), arg("head_start"), arg("timeout").none(true),
           arg("signals"))
      .def("next",
           [](Gate& gate) {
             std::optional<std::uint64_t> number;
             without_gil([&] { number = gate.next(); });
             return number;
           })
      .def("close",
           [](const GatePointer& gate) {
             if (is_of_this_process(gate)) gate->close();
           })
      .def("counts", &counts_of);
}

}  // namespace rmbg::bindings
