#include "bindings/device_arrays.hpp"

#include <pybind11/stl.h>

#include <bit>
#include <cstdint>
#include <utility>

#include "bindings/dlpack.hpp"
#include "bindings/dlpack_layout.hpp"
#include "bindings/gil.hpp"

namespace rmbg::bindings {
namespace {

std::string gpu(int id) { return "GPU " + std::to_string(id); }

[[noreturn]] void refuse_other(int there, int here) {
  throw py::buffer_error("it lies in the memory of " + gpu(there) + ", and the session runs on " + gpu(here) +
                         ": copy it there first, or make a session with device='cuda:" + std::to_string(there) + "'");
}

[[noreturn]] void refuse_host(int here) {
  throw py::buffer_error("it does not lie in the memory of " + gpu(here) + ", where this picture is worked on");
}

// https://numba.readthedocs.io/en/stable/cuda/cuda_array_interface.html, versions 0 to 3.
py::array from_interface(const py::object& value, cuda::Stream& stream) {
  const py::dict shown = value.attr("__cuda_array_interface__");
  const auto given = [&](const char* name) -> py::object {
    return shown.contains(name) ? py::object(shown[name]) : py::none();
  };
  if (!given("mask").is_none()) throw py::buffer_error("it has a mask of its own, which is not looked at");
  const auto [address, read_only] = given("data").cast<std::pair<std::uintptr_t, bool>>();
  const auto shape = given("shape").cast<std::vector<py::ssize_t>>();
  const auto text = given("typestr").cast<std::string>();
  const py::dtype dtype = py::dtype::from_args(py::str(text));
  constexpr char other_order = std::endian::native == std::endian::little ? '>' : '<';
  if (text[0] == other_order && dtype.itemsize() > 1) throw py::buffer_error("its bytes are in the other order");
  void* const data = reinterpret_cast<void*>(address);
  if (data == nullptr) return py::array(dtype, shape);  // which is empty
  const int there = cuda::Device::of(data);
  const int here = stream.device().id();
  if (there < 0) refuse_host(here);
  if (there != here) refuse_other(there, here);
  std::vector<py::ssize_t> strides(shape.size());
  if (given("strides").is_none()) {
    py::ssize_t packed = dtype.itemsize();
    for (std::size_t i = shape.size(); i-- > 0; packed *= shape[i]) strides[i] = packed;
  } else {
    strides = given("strides").cast<std::vector<py::ssize_t>>();
    if (strides.size() != shape.size()) throw py::buffer_error("it has not as many strides as sides");
  }
  const py::object number = given("stream");
  if (!number.is_none()) {
    const auto busy = number.cast<cuda::StreamNumber>();
    if (busy == 0) throw py::buffer_error("its stream is 0, which may be either default stream (1 or 2)");
    stream.wait_for(busy);
  } else if (given("version").is_none() || given("version").cast<int>() < 3) {
    stream.wait_for(1);  // these versions say nothing of streams; most work is on the default one
  }
  py::array array(dtype, shape, strides, data, value);
  if (read_only) array.attr("flags").attr("writeable") = false;
  return array;
}

// Freed memory makes the thread wait until the GPU is done with all that may use it, which is no time to hold the GIL.
void free_without_gil(const cuda::DeviceBuffer* memory) {
  if (Py_IsInitialized() && PyGILState_Check()) {
    without_gil([&] { delete memory; });
  } else {
    delete memory;
  }
}

// What a consumer holds: it may let go of it in any thread, with or without the GIL.
template <typename Managed>
struct Export {
  Managed managed{};
  std::shared_ptr<const cuda::DeviceBuffer> memory;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
};

template <typename Managed>
py::capsule capsule_of(std::unique_ptr<Export<Managed>> made) {
  Managed* const managed = &made->managed;
  managed->context = made.get();
  managed->deleter = [](Managed* self) { delete static_cast<Export<Managed>*>(self->context); };
  PyObject* const capsule = PyCapsule_New(managed, Managed::kName, [](PyObject* object) {
    if (!PyCapsule_IsValid(object, Managed::kName)) return;  // it was taken
    auto* const left = static_cast<Managed*>(PyCapsule_GetPointer(object, Managed::kName));
    left->deleter(left);
  });
  if (capsule == nullptr) throw py::error_already_set();
  static_cast<void>(made.release());  // the capsule has it
  return py::reinterpret_steal<py::capsule>(capsule);
}

}  // namespace

DeviceView device_view(const py::object& value, cuda::Stream& stream) {
  const int here = stream.device().id();
  if (!py::hasattr(value, "__dlpack_device__")) {
    if (!py::hasattr(value, "__cuda_array_interface__")) refuse_host(here);
    return {from_interface(value, stream)};
  }
  const auto [type, there] = value.attr("__dlpack_device__")().cast<std::pair<int, int>>();
  if (type != dlpack::kCuda && type != dlpack::kCudaManaged) refuse_host(here);
  if (there != here) refuse_other(there, here);
  return {from_dlpack_on_gpu(value, here, stream.number())};
}

DeviceArray::DeviceArray(const cuda::Device& device, const py::dtype& dtype, std::vector<py::ssize_t> shape)
    : device_(&device),
      kind_(dtype.kind()),
      item_size_(dtype.itemsize()),
      shape_(std::move(shape)),
      strides_(shape_.size()) {
  py::ssize_t bytes = item_size_;
  for (std::size_t i = shape_.size(); i-- > 0; bytes *= shape_[i]) strides_[i] = bytes;
  auto* const memory = new cuda::DeviceBuffer(device);
  memory_ = std::shared_ptr<const cuda::DeviceBuffer>(memory, free_without_gil);
  without_gil([&] { memory->reserve(static_cast<std::size_t>(bytes)); });
  data_ = static_cast<char*>(memory->data());
}

py::dtype DeviceArray::dtype() const { return py::dtype(kind_ + std::to_string(item_size_)); }

py::array DeviceArray::view() const { return py::array(dtype(), shape_, strides_, data_, py::none()); }

py::dict DeviceArray::cuda_array_interface() const {
  py::dict shown;
  shown["shape"] = shape();
  shown["typestr"] = dtype().attr("str");
  shown["data"] = py::make_tuple(reinterpret_cast<std::uintptr_t>(data_), false);
  shown["strides"] = py::tuple(py::cast(strides_));
  shown["version"] = 3;
  return shown;  // without a stream: the samples are there
}

py::tuple DeviceArray::dlpack_device() const { return py::make_tuple(int{dlpack::kCuda}, device()); }

py::capsule DeviceArray::dlpack(const py::object&, const py::object& max_version, const py::object& dl_device,
                                const py::object& copy) const {
  if (!dl_device.is_none() && !dl_device.equal(dlpack_device())) {
    throw py::buffer_error("the array lies on " + gpu(device()) + ": copy_to_host() gives it to the CPU");
  }
  if (!copy.is_none() && copy.cast<bool>()) throw py::buffer_error("the array is given as it lies, not as a copy");
  const auto fill = [&](auto& made) {
    made.memory = memory_;
    made.shape.assign(shape_.begin(), shape_.end());
    for (const py::ssize_t stride : strides_) made.strides.push_back(stride / item_size_);
    made.managed.tensor = {
        data_,
        {dlpack::kCuda, device()},
        static_cast<std::int32_t>(shape_.size()),
        {static_cast<std::uint8_t>(kind_ == 'f' ? 2 : 1), static_cast<std::uint8_t>(item_size_ * 8), 1},
        made.shape.data(),
        made.strides.data(),
        0};
  };
  if (!max_version.is_none() && max_version.cast<std::pair<int, int>>().first >= 1) {
    auto made = std::make_unique<Export<dlpack::ManagedVersioned>>();
    fill(*made);
    made->managed.major = 1;
    return capsule_of(std::move(made));
  }
  auto made = std::make_unique<Export<dlpack::Managed>>();
  fill(*made);
  return capsule_of(std::move(made));
}

py::array DeviceArray::copy_to_host() const {
  py::array result(dtype(), shape_);
  auto* const to = static_cast<char*>(result.mutable_data());
  const auto row = static_cast<std::size_t>(result.strides(0));
  without_gil([&] {
    cuda::Stream stream(*device_);
    stream.wait_for(1);  // others may have written to it since
    if (strides_[0] == result.strides(0)) {
      stream.download(to, data_, row * static_cast<std::size_t>(shape_[0]));
    } else {
      for (py::ssize_t y = 0; y < shape_[0]; ++y) {
        stream.download(to + static_cast<std::size_t>(y) * row, data_ + y * strides_[0], row);
      }
    }
    stream.wait();
  });
  return result;
}

DeviceArray DeviceArray::part(py::ssize_t left, py::ssize_t top, py::ssize_t right, py::ssize_t bottom) const {
  DeviceArray result = *this;
  result.data_ += top * strides_[0] + left * strides_[1];
  result.shape_[0] = bottom - top;
  result.shape_[1] = right - left;
  return result;
}

std::string DeviceArray::repr() const {
  return "<rmbg_fast.DeviceArray " + py::str(shape()).cast<std::string>() + " " + py::str(dtype()).cast<std::string>() +
         " on " + gpu(device()) + ">";
}

}  // namespace rmbg::bindings
