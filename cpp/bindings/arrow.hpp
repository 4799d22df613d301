// Pictures of Pillow's, read through the Arrow C data interface without a copy.
#pragma once

#include <pybind11/numpy.h>

namespace rmbg::bindings {

namespace py = pybind11;

// The capsules of an `__arrow_c_array__` of `width` x `height` pixels, in rows, as uint8 of shape (H, W), or (H, W, 4)
// where a pixel is a list of four. The array is a read-only view that keeps the memory. Throws buffer_error for another
// layout.
py::array from_arrow(const py::object& schema, const py::object& array, py::ssize_t width, py::ssize_t height);

}  // namespace rmbg::bindings
