// DLPack's capsules: memory of another library's array, without a copy.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>

namespace rmbg::bindings {

namespace py = pybind11;

// An array over the memory of an object with `__dlpack__`; it keeps that memory alive. It can be written to unless the
// object says that it must not be. Raises BufferError for memory that the CPU cannot reach or a dtype that NumPy does
// not have, and whatever the object's own `__dlpack__` raises.
py::array from_dlpack(const py::object& value);

// The same of memory of that GPU: an array whose shape, dtype and strides may be asked for, and its samples never. The
// object makes `stream`, by its number, wait until they are there.
py::array from_dlpack_on_gpu(const py::object& value, int id, std::uintptr_t stream);

}  // namespace rmbg::bindings
