#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bindings/bind.hpp"
#include "bindings/calls.hpp"
#include "bindings/choices.hpp"
#include "bindings/cutout_call.hpp"
#include "bindings/device_arrays.hpp"
#include "bindings/gil.hpp"
#include "core/error.hpp"
#include "pipeline/device_remover.hpp"
#include "pipeline/remover.hpp"

namespace rmbg::bindings {
namespace {

std::unique_ptr<DeviceCall> begin(Remover& remover) {
  if (remover.on_device() == nullptr) throw py::buffer_error("the session runs on the CPU");
  std::unique_ptr<DeviceCall> call;
  without_gil([&] { call = std::make_unique<DeviceCall>(*remover.on_device()); });
  return call;
}

// Where a result goes: the caller's memory, or an array of ours, made when its size is known.
class Target {
 public:
  explicit Target(const DeviceCall& call, std::optional<DeviceView> out = std::nullopt)
      : device_(call.device()), out_(std::move(out)) {}

  Allocator allocator() {
    return [this](const py::dtype& dtype, const std::vector<py::ssize_t>& shape, const py::array& input) {
      if (!out_) made_.emplace(device_, dtype, shape);
      return output_array(out_ ? out_->array : made_->view(), dtype, shape, input);
    };
  }
  py::object made() const { return made_ ? py::cast(*made_) : py::none(); }

 private:
  const cuda::Device& device_;
  std::optional<DeviceView> out_;
  std::optional<DeviceArray> made_;
};

void refuse_estimate(const CutoutCall& cut) {
  if (!cut.estimate) return;
  throw Error(ErrorKind::option,
              "foreground='estimate' is done in the CPU's memory only: copy the picture there first, or leave it out");
}

py::tuple remove_on_gpu(DeviceCall& call, const DeviceView& image, const std::string& alpha, const Colour& background,
                        std::optional<int> threshold, const std::string& foreground, bool strict,
                        const std::optional<DeviceView>& out) {
  Target target(call, out);
  const CutoutCall cut(image.array, alpha, background, std::nullopt, threshold, foreground, target.allocator());
  refuse_estimate(cut);
  Outcome outcome;
  stoppable([&] { outcome = call.remove(cut.input.view, cut.options, strict, cut.target); });
  return py::make_tuple(target.made()) + told(outcome);
}

py::tuple predict_on_gpu(DeviceCall& call, const DeviceView& image, const std::string& alpha, const Colour& background,
                         std::optional<int> threshold, const std::string& foreground, bool strict) {
  Target target(call), mask_target(call);
  const CutoutCall cut(image.array, alpha, background, std::nullopt, threshold, foreground, target.allocator());
  refuse_estimate(cut);
  const Plane plane = plane_output(
      mask_target.allocator()(cut.input.array.dtype(), {cut.input.view.height, cut.input.view.width}, cut.input.array));
  Outcome outcome;
  stoppable([&] { outcome = call.predict(cut.input.view, cut.options, strict, cut.target, plane); });
  return py::make_tuple(target.made(), mask_target.made()) + told(outcome);
}

py::tuple mask_on_gpu(DeviceCall& call, const DeviceView& image, const std::string& dtype, bool strict,
                      const std::optional<DeviceView>& out) {
  const ImageInput input = image_input(image.array);
  mask_type_of(dtype);
  Target target(call, out);
  const Plane plane =
      plane_output(target.allocator()(py::dtype(dtype), {input.view.height, input.view.width}, input.array));
  Outcome outcome;
  stoppable([&] { outcome = call.mask(input.view, strict, plane); });
  return py::make_tuple(target.made()) + told(outcome);
}

}  // namespace

void bind_device(py::module_& m) {
  using py::arg;
  py::class_<DeviceArray>(m, "DeviceArray",
                          R"(A result in a GPU's memory: what a session gives for a picture that lies there.

`torch.from_dlpack(array)` and `cupy.from_dlpack(array)` take it where it lies, as does all that knows
`__cuda_array_interface__`; the samples are there, and no stream has to be waited for.)")
      .def_property_readonly("shape", &DeviceArray::shape)
      .def_property_readonly("dtype", &DeviceArray::dtype)
      .def_property_readonly("device", &DeviceArray::device, "The number of the GPU.")
      .def_property_readonly("__cuda_array_interface__", &DeviceArray::cuda_array_interface)
      .def("__dlpack_device__", &DeviceArray::dlpack_device)
      .def("__dlpack__", &DeviceArray::dlpack, py::kw_only(), arg("stream") = py::none(),
           arg("max_version") = py::none(), arg("dl_device") = py::none(), arg("copy") = py::none())
      .def("copy_to_host", &DeviceArray::copy_to_host, "A NumPy array with the same samples.")
      .def("part", &DeviceArray::part, arg("left"), arg("top"), arg("right"), arg("bottom"),
           "Columns and rows of the same memory.")
      .def("__repr__", &DeviceArray::repr);
  py::class_<DeviceView>(m, "DeviceView")
      .def_property_readonly("shape", [](const DeviceView& self) { return self.array.attr("shape"); })
      .def_property_readonly("dtype", [](const DeviceView& self) { return self.array.dtype(); });
  py::class_<DeviceCall>(m, "DeviceCall")
      .def(py::init(&begin), arg("remover"), py::keep_alive<1, 2>())
      .def_property_readonly("device", [](const DeviceCall& self) { return self.device().id(); })
      .def(
          "view", [](DeviceCall& self, const py::object& value) { return device_view(value, self.stream()); },
          arg("value"))
      .def("remove", &remove_on_gpu, arg("image"), arg("alpha"), arg("background").none(true),
           arg("threshold").none(true), arg("foreground"), arg("strict"), arg("out").none(true))
      .def("predict", &predict_on_gpu, arg("image"), arg("alpha"), arg("background").none(true),
           arg("threshold").none(true), arg("foreground"), arg("strict"))
      .def("mask", &mask_on_gpu, arg("image"), arg("dtype"), arg("strict"), arg("out").none(true));
}

}  // namespace rmbg::bindings
