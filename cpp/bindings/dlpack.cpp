#include "bindings/dlpack.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "bindings/dlpack_layout.hpp"

namespace rmbg::bindings {
namespace {

using namespace dlpack;

// The host's own memory, and host memory pinned for CUDA or ROCm. Unified memory may be busy on the GPU.
bool on_host(const DeviceId& device) {
  return device.type == kCpu || device.type == kCudaHost || device.type == kRocmHost;
}

bool on_gpu(const DeviceId& device, int id) {
  return (device.type == kCuda || device.type == kCudaManaged) && device.id == id;
}

py::dtype dtype_of(const Type& type) {
  constexpr const char* kKinds =
      "iuf??cb";  // by DLPack's codes; 3 is opaque, 4 bfloat16, later ones are smaller floats
  if (type.code == 4) throw py::buffer_error("its values are bfloat16, which NumPy does not have");
  const char kind = type.code < 7 ? kKinds[type.code] : '?';
  if (kind == '?' || type.lanes != 1 || type.bits % 8 != 0) {
    throw py::buffer_error("its values are of a type that NumPy does not have (DLPack's code " +
                           std::to_string(type.code) + ", " + std::to_string(type.bits) + " bits)");
  }
  return py::dtype(kind + std::to_string(type.bits / 8));
}

py::array view_of(const Tensor& tensor, const py::object& owner) {
  const py::dtype dtype = dtype_of(tensor.type);
  std::vector<py::ssize_t> shape(tensor.shape, tensor.shape + tensor.ndim);
  std::vector<py::ssize_t> strides(shape.size());
  py::ssize_t packed = dtype.itemsize(), count = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = tensor.strides != nullptr ? static_cast<py::ssize_t>(tensor.strides[i]) * dtype.itemsize() : packed;
    packed *= shape[i];
    count *= shape[i];
  }
  if (tensor.data == nullptr) {
    if (count != 0) throw py::buffer_error("it has a shape but no memory behind it");
    return py::array(dtype, shape);  // of a null pointer NumPy would make memory of its own too
  }
  return py::array(dtype, shape, strides, static_cast<const char*>(tensor.data) + tensor.byte_offset, owner);
}

// From here on the tensor is ours: it is given back when the last view of it goes.
template <typename T>
py::capsule take(const py::object& capsule, T*& managed) {
  managed = static_cast<T*>(PyCapsule_GetPointer(capsule.ptr(), T::kName));
  if (managed == nullptr || PyCapsule_SetName(capsule.ptr(), T::kTaken) != 0) throw py::error_already_set();
  return py::capsule(managed, [](void* pointer) {
    auto* const taken = static_cast<T*>(pointer);
    if (taken->deleter != nullptr) taken->deleter(taken);
  });
}

py::object export_of(const py::object& value, const py::dict& stream) {
  const py::object method = value.attr("__dlpack__");
  try {
    return method(py::arg("max_version") = py::make_tuple(1, 0), py::arg("copy") = false, **stream);
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_TypeError)) throw;
  }
  return method(**stream);  // written before there were versions
}

// `check` throws where the memory is not where it should be.
template <typename Check>
py::array array_of(const py::object& capsule, const Check& check) {
  if (PyCapsule_IsValid(capsule.ptr(), Managed::kName)) {
    Managed* managed = nullptr;
    const py::capsule owner = take(capsule, managed);
    check(managed->tensor.device);
    return view_of(managed->tensor, owner);
  }
  if (!PyCapsule_IsValid(capsule.ptr(), ManagedVersioned::kName)) {
    throw py::buffer_error("its `__dlpack__` gives no DLPack capsule that is still to be taken");
  }
  ManagedVersioned* managed = nullptr;
  const py::capsule owner = take(capsule, managed);
  if (managed->major != 1)
    throw py::buffer_error("it speaks version " + std::to_string(managed->major) + " of DLPack, not 1");
  if ((managed->flags & kCopied) != 0) throw py::buffer_error("its `__dlpack__` gives a copy");
  check(managed->tensor.device);
  py::array array = view_of(managed->tensor, owner);
  if ((managed->flags & kReadOnly) != 0) array.attr("flags").attr("writeable") = false;
  return array;
}

}  // namespace

py::array from_dlpack(const py::object& value) {
  return array_of(export_of(value, {}), [](const DeviceId& device) {
    if (!on_host(device)) {
      throw py::buffer_error("it is not in the CPU's memory (DLPack's device " + std::to_string(device.type) +
                             "): copy it there first");
    }
  });
}

py::array from_dlpack_on_gpu(const py::object& value, int id, std::uintptr_t stream) {
  py::dict ready_for;
  ready_for["stream"] = stream;
  return array_of(export_of(value, ready_for), [id](const DeviceId& device) {
    if (!on_gpu(device, id)) {
      throw py::buffer_error("its `__dlpack__` gives memory of another device than it says (" +
                             std::to_string(device.type) + ", " + std::to_string(device.id) + ")");
    }
  });
}

}  // namespace rmbg::bindings
