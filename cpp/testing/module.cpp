#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>

#include "bindings/errors.hpp"
#include "ort/library.hpp"
#include "ort/selfcheck.hpp"
#include "testing/bare_network.hpp"
#include "testing/bare_operators.hpp"

namespace py = pybind11;

// A module of its own, so that what users install holds nothing that only tests call. It has its own copy of the core,
// state included.
PYBIND11_MODULE(_testing, m, py::mod_gil_not_used()) {
  m.doc() = "What the tests and benchmarks of rmbg_fast call beside _core. Not in published wheels.";
  rmbg::bindings::register_errors();
  rmbg::testing::bind_bare_network(m);
  rmbg::testing::bind_bare_operators(m);
  m.def(
      "check_slots",  // the names of those that are not what abi.hpp says
      [](const std::string& path) {
        rmbg::ort::load_library(path);
        return rmbg::ort::check_slots();
      },
      py::arg("path"));
}
