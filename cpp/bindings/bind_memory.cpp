#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/arrow.hpp"
#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "codecs/copy_pixels.hpp"
#include "core/error.hpp"
#include "core/result_pool.hpp"

namespace rmbg::bindings {
namespace {

py::array copy_pixels_array(const py::array& pixels, const py::object& out, int threads) {
  const ImageInput input = image_input(pixels, true);
  const std::vector<py::ssize_t> shape(pixels.shape(), pixels.shape() + pixels.ndim());
  const py::array copy = output_array(out, pixels.dtype(), shape, pixels);
  if ((copy.flags() & py::array::c_style) == 0) throw Error(ErrorKind::option, "`out` must be C-contiguous");
  without_gil([&] { codecs::copy_pixels(input.view, const_cast<void*>(copy.data()), threads); });
  return copy;
}

}  // namespace

void bind_memory(py::module_& m) {
  using py::arg;
  m.def(
      "new_array",
      [](const std::string& dtype, const std::vector<py::ssize_t>& shape) {
        return new_array(py::dtype(dtype), shape);
      },
      arg("dtype"), arg("shape"));
  m.def("trim", [] {
    std::size_t bytes = 0;
    without_gil([&] { bytes = trim_memory(); });
    return bytes;
  });
  m.def("idle_bytes", &idle_memory);
  m.def("from_arrow", &from_arrow, arg("schema"), arg("array"), arg("width"), arg("height"));
  m.def("copy_pixels", &copy_pixels_array, arg("pixels"), arg("out").none(true), arg("threads"));
}

}  // namespace rmbg::bindings
