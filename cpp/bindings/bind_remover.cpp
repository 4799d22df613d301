#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/calls.hpp"
#include "bindings/choices.hpp"
#include "bindings/cutout_call.hpp"
#include "bindings/gil.hpp"
#include "bindings/process.hpp"
#include "core/error.hpp"
#include "net/dispatch.hpp"
#include "pipeline/remover.hpp"

namespace rmbg::bindings {
namespace {

using Port = std::variant<int, std::string>;  // an input or output, by index or name

// Where a model runs: the device's word or a provider's name (checked in Python), its number, and the options of its providers.
ort::SessionConfig device_config(const std::string& device, int device_id, const ort::ProviderOptions& options,
                                 const ort::ProviderOptions& cuda_options) {
  ort::SessionConfig config;
  config.device = device == "cuda"       ? ort::DeviceKind::cuda
                  : device == "tensorrt" ? ort::DeviceKind::tensorrt
                  : device == "stand-in" ? ort::DeviceKind::stand_in
                  : device == "cpu"      ? ort::DeviceKind::cpu
                                         : ort::DeviceKind::named;
  if (config.device == ort::DeviceKind::named) config.named = device;
  config.device_id = device_id;
  config.provider_options = options;
  config.cuda_options = cuda_options;
  return config;
}

ort::SessionConfig config_of(ort::SessionConfig config, const std::string& path, int threads, const Port& input,
                             const Port& output, int runs) {
  config.model_path = path;
  config.convolution = net::chosen();
  config.runs_at_once = runs;
  config.intra_op_threads = threads;
  if (const auto* name = std::get_if<std::string>(&input)) config.input = *name;
  if (const auto* index = std::get_if<int>(&input)) config.input_index = *index;
  if (const auto* name = std::get_if<std::string>(&output)) config.output = *name;
  if (const auto* index = std::get_if<int>(&output)) config.output_index = *index;
  return config;
}

Recipe make_recipe(const std::array<std::int32_t, 2>& size, std::int32_t dynamic, const std::string& resample,
                   const std::string& rounding, bool divide_by_max, const std::array<double, 3>& mean,
                   const std::array<double, 3>& std, bool sigmoid, const std::string& minmax,
                   const std::string& mask_resample, const std::string& mask_rounding, float empty_below,
                   bool empty_is_opaque) {
  for (const std::int32_t side : size) {
    if (side >= 1 && side <= kMaxModelSide) continue;
    throw Error(ErrorKind::option, "size must be (height, width), each from 1 to " + std::to_string(kMaxModelSide));
  }
  Recipe recipe{};
  recipe.height = size[0];
  recipe.width = size[1];
  recipe.dynamic = dynamic;
  recipe.resample = resample_of(resample);
  recipe.rounding = rounding_of(rounding);
  recipe.divide_by_max = divide_by_max;
  std::copy(mean.begin(), mean.end(), recipe.mean);
  std::copy(std.begin(), std.end(), recipe.std);
  recipe.sigmoid = sigmoid;
  recipe.minmax = minmax_order_of(minmax);
  recipe.mask_resample = mask_resample_of(mask_resample);
  recipe.mask_nearest = mask_rounds(mask_rounding);
  recipe.empty_below = empty_below;
  recipe.empty_is_opaque = empty_is_opaque;
  return recipe;
}

using RemoverHolder = std::unique_ptr<Remover, EndInItsProcess<Remover>>;

RemoverHolder make_remover(const std::string& path, const Recipe& recipe, const std::string& device, int device_id,
                           int threads, const Port& input, const Port& output, const ort::ProviderOptions& options,
                           const ort::ProviderOptions& cuda_options, int runs) {
  const ort::SessionConfig config =
      config_of(device_config(device, device_id, options, cuda_options), path, threads, input, output, runs);
  RemoverHolder remover;
  without_gil([&] { remover.reset(new Remover(config, recipe)); });
  return remover;
}

Allocator in(const py::object& out) {
  return [out](const py::dtype& dtype, const std::vector<py::ssize_t>& shape, const py::array& input) {
    return output_array(out, dtype, shape, input);
  };
}

py::tuple remove(Remover& remover, const py::array& image, const std::string& alpha, const Colour& background,
                 const Behind& behind, std::optional<int> threshold, const std::string& foreground, bool strict,
                 const py::object& out) {
  const CutoutCall cut(image, alpha, background, behind, threshold, foreground, in(out));
  Outcome outcome;
  stoppable([&] { outcome = remover.remove(cut.input.view, cut.options, cut.estimate, strict, cut.target); });
  return py::make_tuple(cut.result) + told(outcome);
}

py::tuple predict(Remover& remover, const py::array& image, const std::string& alpha, const Colour& background,
                  const Behind& behind, std::optional<int> threshold, const std::string& foreground, bool strict) {
  const CutoutCall cut(image, alpha, background, behind, threshold, foreground, in(py::none()));
  const py::array mask =
      output_array(py::none(), cut.input.array.dtype(), {cut.input.view.height, cut.input.view.width}, cut.input.array);
  const Plane plane = plane_output(mask);
  Outcome outcome;
  stoppable([&] { outcome = remover.predict(cut.input.view, cut.options, cut.estimate, strict, cut.target, plane); });
  return py::make_tuple(cut.result, mask) + told(outcome);
}

// `size`, (height, width), is the mask's where that is not the picture's.
py::tuple mask(Remover& remover, const py::array& image, const std::string& dtype, bool strict, const py::object& out,
               const std::optional<std::array<std::int32_t, 2>>& size) {
  const ImageInput input = image_input(image);
  mask_type_of(dtype);
  const std::array<std::int32_t, 2> sides = size.value_or(std::array{input.view.height, input.view.width});
  check_size(sides[1], sides[0]);
  const py::array result = output_array(out, py::dtype(dtype), {sides[0], sides[1]}, input.array);
  const Plane target = plane_output(result);
  Outcome outcome;
  stoppable([&] { outcome = remover.mask(input.view, strict, target); });
  return py::make_tuple(result) + told(outcome);
}

}  // namespace

void bind_remover(py::module_& m) {
  using py::arg;
  py::class_<Recipe>(m, "Recipe")
      .def(py::init(&make_recipe), py::kw_only(), arg("size"), arg("dynamic"), arg("resample"), arg("rounding"),
           arg("divide_by_max"), arg("mean"), arg("std"), arg("sigmoid"), arg("minmax"), arg("mask_resample"),
           arg("mask_rounding"), arg("empty_below"), arg("empty_is_opaque"));
  py::class_<Remover, RemoverHolder>(m, "Remover")
      .def(py::init(&make_remover), arg("path"), arg("recipe"), arg("device"), arg("device_id"), arg("threads"),
           arg("input"), arg("output"), arg("provider_options") = ort::ProviderOptions{},
           arg("cuda_options") = ort::ProviderOptions{}, arg("runs") = 2)
      .def("remove", &remove, arg("image"), arg("alpha"), arg("background").none(true), arg("behind").none(true),
           arg("threshold").none(true), arg("foreground"), arg("strict"), arg("out").none(true))
      .def("predict", &predict, arg("image"), arg("alpha"), arg("background").none(true), arg("behind").none(true),
           arg("threshold").none(true), arg("foreground"), arg("strict"))
      .def("mask", &mask, arg("image"), arg("dtype"), arg("strict"), arg("out").none(true), arg("size") = py::none())
      .def(
          "gather",
          [](Remover& self, int most, double milliseconds) {
            self.gather(most, std::chrono::microseconds(static_cast<std::int64_t>(milliseconds * 1e3)));
          },
          arg("most"), arg("milliseconds"))
      .def("gathered",
           [](const Remover& self) {
             const Batches::Counts counts = self.gathered();
             return py::make_tuple(counts.runs, counts.pictures);
           })
      .def_property_readonly("provider", [](const Remover& self) { return self.session().provider(); });
  m.def(
      "check_device",
      [](const std::string& device, int device_id, const ort::ProviderOptions& options,
         const ort::ProviderOptions& cuda_options) {
        without_gil([&] { ort::check_device(device_config(device, device_id, options, cuda_options)); });
      },
      arg("device"), arg("device_id"), arg("provider_options"), arg("cuda_options"));
}

}  // namespace rmbg::bindings
