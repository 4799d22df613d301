#include <pybind11/stl.h>

#include <array>
#include <optional>
#include <string>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/choices.hpp"
#include "bindings/dlpack.hpp"
#include "bindings/gil.hpp"
#include "core/error.hpp"
#include "pipeline/cutout.hpp"
#include "pipeline/foreground.hpp"
#include "pipeline/mask_range.hpp"
#include "pipeline/mask_resizer.hpp"
#include "pipeline/preprocess.hpp"
#include "pipeline/scaling.hpp"
#include "pipeline/subject_box.hpp"

namespace rmbg::bindings {
namespace {

using Triple = std::array<double, 3>;
using Size = std::array<std::int64_t, 2>;  // height, width
using Background = std::optional<std::array<int, 3>>;
using Picture = std::optional<py::array>;
using Threshold = std::optional<int>;

void check_threads(int threads) {
  if (threads < 1) throw Error(ErrorKind::option, "threads must be 1 or more, not " + std::to_string(threads));
}

py::array preprocess_array(const py::array& image, Size size, const Triple& mean, const Triple& std,
                           const std::string& resample, const std::string& rounding, bool divide_by_max, bool bgr,
                           const std::string& dtype, const py::object& out, int threads) {
  check_threads(threads);
  const ImageInput input = image_input(image);
  if (size[0] < 1 || size[1] < 1 || size[0] > kMaxModelSide || size[1] > kMaxModelSide) {
    throw Error(ErrorKind::option, "size must be (height, width), each from 1 to " + std::to_string(kMaxModelSide));
  }
  if (dtype != "float32" && dtype != "float16") {
    throw Error(ErrorKind::option, "dtype must be one of 'float32', 'float16', not '" + dtype + "'");
  }
  kernels::NormalizedPlanes planes{};
  planes.height = static_cast<std::int32_t>(size[0]);
  planes.width = static_cast<std::int32_t>(size[1]);
  planes.rounding = rounding_of(rounding);
  planes.half = dtype == "float16";
  for (std::size_t c = 0; c < 3; ++c) {
    if (!(std[c] > 0.0)) throw Error(ErrorKind::option, "std must be greater than 0 in every channel");
  }
  const Resample how = resample_of(resample);
  const py::array result = output_array(out, py::dtype(dtype), {1, 3, planes.height, planes.width}, input.array);
  if ((result.flags() & py::array::c_style) == 0) throw Error(ErrorKind::option, "`out` must be C-contiguous");
  planes.dst = const_cast<void*>(result.data());
  without_gil([&] {
    Tables tables;
    const double white = divide_by_max ? largest_value(input.view, how, planes, tables, threads) : 255.0;
    for (std::size_t c = 0; c < 3; ++c) {
      planes.scale[c] = static_cast<float>(1.0 / (white * std[c]));
      planes.bias[c] = static_cast<float>(-mean[c] / std[c]);
    }
    preprocess(input.view, how, bgr, planes, tables, threads);
  });
  return result;
}

py::tuple minmax_array(const py::array& mask, const std::optional<Size>& size, const std::string& resample,
                       int threads) {
  check_threads(threads);
  const MaskInput input = mask_input(mask);
  const MaskResample how = mask_resample_of(resample);
  if (size) check_size((*size)[1], (*size)[0]);
  kernels::MinMax range{};
  without_gil([&] {
    const MaskRange own = range_of(input.view, threads);
    if (!size) {
      range = own.whole;
      return;
    }
    Tables tables;
    const MaskResizer resizer(tables, input.view, how, static_cast<std::int32_t>((*size)[1]),
                              static_cast<std::int32_t>((*size)[0]), kernels::MaskType::f32);
    range = resizer.range(own, MinMaxOrder::after, threads);
  });
  return py::make_tuple(range.lo, range.hi);
}

using Range = std::optional<std::array<float, 2>>;

Scaling stretched(const Range& range, float top) {
  return range ? stretch({(*range)[0], (*range)[1]}, top) : unit(top);
}

py::array resize_mask_array(const py::array& mask, Size size, const Range& range, const std::string& resample,
                            const std::string& rounding, const std::string& dtype, const py::object& out, int threads) {
  check_threads(threads);
  const MaskInput input = mask_input(mask);
  check_size(size[1], size[0]);
  const MaskResample how = mask_resample_of(resample);
  const bool rounds = mask_rounds(rounding);
  const Scaling scaling = stretched(range, top_of(mask_type_of(dtype)));
  const py::array result = output_array(out, py::dtype(dtype), {size[0], size[1]}, input.array);
  const Plane plane = plane_output(result);
  without_gil([&] {
    Tables tables;
    MaskResizer resizer(tables, input.view, how, plane.width, plane.height, plane.type);
    resizer.scale(scaling, rounds, threads);
    resize_mask(resizer, plane, threads);
  });
  return result;
}

py::array sigmoid_array(const py::array& mask, const py::object& out, int threads) {
  check_threads(threads);
  const MaskInput input = mask_input(mask);
  const py::array result = output_array(out, py::dtype("float32"), {input.view.height, input.view.width}, input.array);
  if ((result.flags() & py::array::c_style) == 0) throw Error(ErrorKind::option, "`out` must be C-contiguous");
  auto* const values = static_cast<float*>(const_cast<void*>(result.data()));
  without_gil([&] { write_sigmoid(input.view, values, threads); });
  return result;
}

void check_same_picture(const ImageInput& image, const PlaneInput& alpha) {
  if (alpha.view.width != image.view.width || alpha.view.height != image.view.height ||
      alpha.array.itemsize() != image.array.itemsize()) {
    throw Error(ErrorKind::image, "alpha must have the image's height, width and dtype");
  }
}

void check_apart(const py::array& result, const Picture& behind) {
  if (behind && overlap(result, *behind)) throw Error(ErrorKind::option, "`out` overlaps the background in memory");
}

std::vector<py::ssize_t> result_shape(const ImageView& image, const BlendOptions& options) {
  return {image.height, image.width, options.mode == kernels::BlendMode::over ? 3 : 4};
}

py::array blend_arrays(const py::array& image, const py::array& alpha, const std::string& mode,
                       const Background& background, const Picture& behind, const Threshold& threshold,
                       const py::object& out, int threads) {
  check_threads(threads);
  const ImageInput input = image_input(image);
  const PlaneInput plane = alpha_input(alpha);
  check_same_picture(input, plane);
  BlendOptions options = blend_options("mode", mode, background, threshold, input.view.sample);
  set_behind(options, behind, input.view);
  const py::array result = output_array(out, input.array.dtype(), result_shape(input.view, options), input.array);
  if (overlap(result, plane.array)) throw Error(ErrorKind::option, "`out` overlaps alpha in memory");
  check_apart(result, behind);
  const MutableImageView target = image_output(result);
  without_gil([&] { blend(input.view, plane.view, options, target, threads); });
  return result;
}

py::array cutout_arrays(const py::array& image, const py::array& mask, const std::string& minmax,
                        const std::string& resample, const std::string& rounding, const std::string& mode,
                        const Background& background, const Picture& behind, const Threshold& threshold,
                        const py::object& out, int threads) {
  check_threads(threads);
  const ImageInput input = image_input(image);
  const MaskInput plane = mask_input(mask);
  BlendOptions options = blend_options("mode", mode, background, threshold, input.view.sample);
  set_behind(options, behind, input.view);
  const MinMaxOrder order = minmax_order_of(minmax);
  const MaskResample how = mask_resample_of(resample);
  const bool rounds = mask_rounds(rounding);
  const py::array result = output_array(out, input.array.dtype(), result_shape(input.view, options), input.array);
  if (overlap(result, plane.array)) throw Error(ErrorKind::option, "`out` overlaps the mask in memory");
  check_apart(result, behind);
  const MutableImageView target = image_output(result);
  without_gil([&] {
    const auto type = input.view.sample == Sample::u16 ? kernels::MaskType::u16 : kernels::MaskType::u8;
    Tables tables;
    MaskResizer resizer(tables, plane.view, how, input.view.width, input.view.height, type);
    kernels::MinMax range{};
    if (order != MinMaxOrder::none) range = resizer.range(range_of(plane.view, threads), order, threads);
    resizer.scale(scaling_of(range, order, top_of(type)), rounds, threads);
    cutout(input.view, resizer, options, target, threads);
  });
  return result;
}

py::object subject_box_array(const py::array& alpha) {
  const bool floats = py::isinstance<py::array_t<float>>(alpha);
  std::optional<Box> box;
  if (floats) {
    const MaskInput input = mask_input(alpha);
    const Plane plane{const_cast<float*>(input.view.data), input.view.width, input.view.height,
                      input.view.width * static_cast<std::ptrdiff_t>(sizeof(float)), kernels::MaskType::f32};
    without_gil([&] { box = subject_box(plane); });
  } else {
    const PlaneInput input = alpha_input(alpha);
    without_gil([&] { box = subject_box(input.view); });
  }
  return box ? py::object(py::make_tuple(box->left, box->top, box->right, box->bottom)) : py::none();
}

py::array estimate_foreground_array(const py::array& image, const py::array& alpha, std::array<std::int64_t, 3> radii,
                                    const py::object& out, int threads) {
  check_threads(threads);
  const ImageInput input = image_input(image);
  const PlaneInput plane = alpha_input(alpha);
  check_same_picture(input, plane);
  for (const std::int64_t radius : radii) {
    if (radius >= 0 && radius <= kMaxForegroundRadius) continue;
    throw Error(ErrorKind::option, "radii must be three values from 0 to " + std::to_string(kMaxForegroundRadius) +
                                       ", not " + std::to_string(radius));
  }
  const auto radius = [&](std::size_t i) { return static_cast<std::int32_t>(radii[i]); };
  const ForegroundRadii sizes{radius(0), radius(1), radius(2)};
  const py::array result =
      output_array(out, input.array.dtype(), {input.view.height, input.view.width, 3}, input.array);
  if (overlap(result, plane.array)) throw Error(ErrorKind::option, "`out` overlaps alpha in memory");
  const MutableImageView target = image_output(result);
  without_gil([&] { estimate_foreground(input.view, plane.view, sizes, target, threads); });
  return result;
}

}  // namespace

void bind_ops(py::module_& m) {
  using py::arg;
  m.def("from_dlpack", &from_dlpack, arg("value"));
  m.def("preprocess", &preprocess_array, arg("image"), arg("size"), arg("mean"), arg("std"), arg("resample"),
        arg("rounding"), arg("divide_by_max"), arg("bgr"), arg("dtype"), arg("out").none(true), arg("threads"));
  m.def("minmax", &minmax_array, arg("mask"), arg("size").none(true), arg("resample"), arg("threads"));
  m.def("sigmoid", &sigmoid_array, arg("mask"), arg("out").none(true), arg("threads"));
  m.def("resize_mask", &resize_mask_array, arg("mask"), arg("size"), arg("range").none(true), arg("resample"),
        arg("rounding"), arg("dtype"), arg("out").none(true), arg("threads"));
  m.def("blend", &blend_arrays, arg("image"), arg("alpha"), arg("mode"), arg("background").none(true),
        arg("behind").none(true), arg("threshold").none(true), arg("out").none(true), arg("threads"));
  m.def("cutout", &cutout_arrays, arg("image"), arg("mask"), arg("minmax"), arg("resample"), arg("rounding"),
        arg("mode"), arg("background").none(true), arg("behind").none(true), arg("threshold").none(true),
        arg("out").none(true), arg("threads"));
  m.def("subject_box", &subject_box_array, arg("alpha"));
  m.def("estimate_foreground", &estimate_foreground_array, arg("image"), arg("alpha"), arg("radii"),
        arg("out").none(true), arg("threads"));
}

}  // namespace rmbg::bindings
