// Attention in windows, and linear layers, without a runtime around them.
#pragma once

#include <pybind11/pybind11.h>

namespace rmbg::testing {

void bind_bare_operators(pybind11::module_& m);

}  // namespace rmbg::testing
