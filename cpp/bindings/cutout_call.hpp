// A cut-out as Python asks for it, wherever its picture lies, and what is told of it.
#pragma once

#include <pybind11/numpy.h>

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bindings/arrays.hpp"
#include "pipeline/outcome.hpp"
#include "pipeline/types.hpp"

namespace rmbg::bindings {

using Colour = std::optional<std::array<int, 3>>;
using Behind = std::optional<py::array>;  // a picture behind the subject

// The memory for a result of this dtype and shape that does not overlap `input`: see output_array.
using Allocator =
    std::function<py::array(const py::dtype& dtype, const std::vector<py::ssize_t>& shape, const py::array& input)>;

// A cut-out to be: the picture, how it is blended, and the memory that it goes to. Throws Error: image, option.
struct CutoutCall {
  CutoutCall(const py::array& image, const std::string& alpha, const Colour& background, const Behind& behind,
             std::optional<int> threshold, const std::string& foreground, const Allocator& allocate);

  ImageInput input;
  BlendOptions options;
  bool estimate;
  py::array result;
  MutableImageView target;
};

// Timings and scene: what a call tells besides its pixels.
py::tuple told(const Outcome& outcome);

}  // namespace rmbg::bindings
