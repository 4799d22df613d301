#include <pybind11/numpy.h>

#include <string>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "core/error.hpp"
#include "pipeline/png_unfilter.hpp"

namespace rmbg::bindings {
namespace {

std::int64_t png_unfilter_array(const py::array& filtered, int pixel_bytes, const py::array& out) {
  const bool known = (1 <= pixel_bytes && pixel_bytes <= 4) || pixel_bytes == 6 || pixel_bytes == 8;
  if (!known) throw Error(ErrorKind::option, "pixel_bytes must be 1 to 4, 6 or 8, not " + std::to_string(pixel_bytes));
  const bool packed = (filtered.flags() & py::array::c_style) != 0;
  if (filtered.ndim() != 2 || !py::isinstance<py::array_t<std::uint8_t>>(filtered) || !packed ||
      filtered.shape(1) < 1 || (filtered.shape(1) - 1) % pixel_bytes != 0) {
    throw Error(ErrorKind::image, "filtered rows must be packed uint8 of shape (height, 1 + width * pixel_bytes)");
  }
  const py::array rows = output_array(out, filtered.dtype(), {filtered.shape(0), filtered.shape(1) - 1}, filtered);
  if ((rows.flags() & py::array::c_style) == 0) throw Error(ErrorKind::option, "`out` must be C-contiguous");
  std::int64_t done = 0;
  without_gil([&] {
    done = png_unfilter(static_cast<const std::uint8_t*>(filtered.data()), filtered.shape(0), rows.shape(1),
                        pixel_bytes, static_cast<std::uint8_t*>(const_cast<void*>(rows.data())));
  });
  return done;
}

}  // namespace

void bind_png(py::module_& m) {
  m.def("png_unfilter", &png_unfilter_array, py::arg("filtered"), py::arg("pixel_bytes"), py::arg("out"));
}

}  // namespace rmbg::bindings
