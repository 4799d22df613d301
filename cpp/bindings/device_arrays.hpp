// Memory of a GPU at the border: what other libraries show of theirs, and results that lie there.
#pragma once

#include <pybind11/numpy.h>

#include <memory>
#include <string>
#include <vector>

#include "cuda/device.hpp"

namespace rmbg::bindings {

namespace py = pybind11;

// Another library's memory on a GPU. `array` has its shape, dtype, strides and address, for the checks of arrays.hpp;
// its samples must never be read on the host.
struct DeviceView {
  py::array array;
};

// What an object shows by DLPack or `__cuda_array_interface__`; what `stream` is given from here on finds the samples
// there. Raises BufferError, in words that go on from the name of the object: memory of the host or of another GPU, a
// dtype that NumPy does not have.
DeviceView device_view(const py::object& value, cuda::Stream& stream);

// An array of ours in a GPU's memory, packed, or a part of one. Its samples are there: nothing has to be waited for.
class DeviceArray {
 public:
  // Throws Error(inference) where the device is out of memory.
  DeviceArray(const cuda::Device& device, const py::dtype& dtype, std::vector<py::ssize_t> shape);

  // As DeviceView's.
  py::array view() const;

  py::tuple shape() const { return py::tuple(py::cast(shape_)); }
  py::dtype dtype() const;
  int device() const { return device_->id(); }
  py::dict cuda_array_interface() const;
  py::tuple dlpack_device() const;
  // Raises BufferError where it is asked for a copy, or for another device.
  py::capsule dlpack(const py::object& stream, const py::object& max_version, const py::object& dl_device,
                     const py::object& copy) const;
  py::array copy_to_host() const;
  // Rows [top, bottom) and columns [left, right) of the same memory.
  DeviceArray part(py::ssize_t left, py::ssize_t top, py::ssize_t right, py::ssize_t bottom) const;
  std::string repr() const;

 private:
  const cuda::Device* device_;
  std::shared_ptr<const cuda::DeviceBuffer> memory_;
  char* data_;
  char kind_;  // NumPy's: 'u' or 'f'
  py::ssize_t item_size_;
  std::vector<py::ssize_t> shape_;
  std::vector<py::ssize_t> strides_;  // in bytes
};

}  // namespace rmbg::bindings
