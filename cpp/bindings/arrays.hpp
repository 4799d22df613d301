// NumPy arrays at the border: shape, dtype, strides and overlap are checked here, once, and nowhere behind it.
#pragma once

#include <pybind11/numpy.h>

#include <optional>

#include "core/image.hpp"
#include "kernels/kernels.hpp"
#include "pipeline/types.hpp"

namespace rmbg::bindings {

namespace py = pybind11;

// Throws Error: image for an empty picture, image_too_large beyond kMaxSide.
void check_size(std::int64_t width, std::int64_t height);

// An input array and the view of it (a copy where a mask or an alpha was not packed). The array must outlive the view.
struct ImageInput {
  py::array array;
  ImageView view;
};
struct MaskInput {
  py::array array;
  Mask view;
};
struct PlaneInput {
  py::array array;
  Plane view;
};

// uint8 or uint16, (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), with `grey_alpha` also (H, W, 2), any strides. Throws
// Error(image).
ImageInput image_input(const py::array& array, bool grey_alpha = false);
// float32 (H, W). Throws Error(image).
MaskInput mask_input(const py::array& array);
// uint8 or uint16 (H, W). Throws Error(image).
PlaneInput alpha_input(const py::array& array);
// Puts a picture in the place of the background: packed RGB of the size and samples of `image`, which `out` must not
// overlap.
void set_behind(BlendOptions& options, const std::optional<py::array>& behind, const ImageView& image);

// A new array of any content. What is large comes from the pool of results and goes back there when the array dies.
py::array new_array(const py::dtype& dtype, const std::vector<py::ssize_t>& shape);

// The caller's `out`, or a new array where it is None. `out` must be writable, of exactly this dtype and shape, with
// packed pixels and rows at any stride that do not overlap each other or `input`. Throws Error(option).
py::array output_array(const py::object& out, const py::dtype& dtype, const std::vector<py::ssize_t>& shape,
                       const py::array& input);

// Whether the two arrays may share memory.
bool overlap(const py::array& a, const py::array& b);

MutableImageView image_output(const py::array& array);
Plane plane_output(const py::array& array);

}  // namespace rmbg::bindings
