#include <pybind11/stl.h>

#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "core/dynamic_library.hpp"
#include "cuda/device.hpp"
#include "ort/library.hpp"

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
  // Opens a library and keeps it, so that others find it by its name; returns the loader's complaint, "" for success.
  m.def(
      "open_library", [](const std::string& path) { return open_dynamic_library(to_path(path)).error; },
      py::arg("path"), py::call_guard<py::gil_scoped_release>());
  m.def("use_cuda_driver", &cuda::use_driver, py::arg("path"));  // another than the system's, for tests
  m.def(
      "cuda_device",
      [](int id) {
        const cuda::Device& device = cuda::Device::get(id);
        py::dict result;
        result["name"] = device.name();
        result["capability"] = device.capability();
        result["free"] = device.free_memory();
        return result;
      },
      py::arg("id"));
  m.def("runtime_info", []() -> py::object {
    if (!ort::library_loaded()) return py::none();
    const ort::LibraryInfo& info = ort::library_info();
    py::dict result;
    result["path"] = py::reinterpret_steal<py::str>(
        PyUnicode_DecodeFSDefaultAndSize(info.path.data(), static_cast<Py_ssize_t>(info.path.size())));
    result["version"] = info.version;
    result["api_version"] = info.api_version;
    return result;
  });
}

}  // namespace rmbg::bindings
