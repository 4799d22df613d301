#include <pybind11/stl.h>

#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "ort/library.hpp"
#include "ort/selfcheck.hpp"

namespace py = pybind11;

namespace rmbg::bindings {

void bind_runtime(py::module_& m) {
  m.def(
      "load_runtime",
      [](const std::string& path) {
        without_gil([&] { ort::load_library(path); });
        leave_safely_at_exit();
      },
      py::arg("path"));
  m.def("check_slots", &ort::check_slots);  // the names of those that are not what abi.hpp says
  m.def("runtime_info", []() -> py::object {
    if (!ort::library_loaded()) return py::none();
    const ort::LibraryInfo& info = ort::library_info();
    py::dict result;
    result["path"] = info.path;
    result["version"] = info.version;
    result["api_version"] = info.api_version;
    return result;
  });
}

}  // namespace rmbg::bindings
