#include <pybind11/stl.h>

#include "bindings/bind.hpp"
#include "kernels/dispatch.hpp"
#include "net/dispatch.hpp"

namespace py = pybind11;

namespace rmbg::bindings {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "gcc " __VERSION__;
#elif defined(_MSC_VER)
  return "msvc " + std::to_string(_MSC_FULL_VER);
#else
  return "unknown";
#endif
}

}  // namespace

void bind_build(py::module_& m) {
  m.attr("__version__") = RMBG_FAST_VERSION;
  m.def("compiler", &compiler);
  m.def("tiers", [] {
    py::dict names;  // name -> whether this CPU runs it
    for (const kernels::Tier& tier : kernels::tiers()) names[tier.table->name] = tier.runs_here;
    return names;
  });
  m.def("active_tier", [] { return kernels::active().name; });
  m.def("network_tiers", [] {
    py::dict names;  // name -> whether this CPU runs it
    for (const net::Tier& tier : net::tiers()) names[tier.kernels->name] = tier.runs_here;
    return names;
  });
  m.def("network_tier", [] {
    const net::Kernels* kernels = net::chosen();
    return std::string(kernels ? kernels->name : "");
  });
  m.def("set_tier", &kernels::set_active, py::arg("name"));
}

}  // namespace rmbg::bindings
