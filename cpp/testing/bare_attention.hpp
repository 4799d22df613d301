// Attention in windows without a runtime around it.
#pragma once

#include <pybind11/pybind11.h>

namespace rmbg::testing {

void bind_bare_attention(pybind11::module_& m);

}  // namespace rmbg::testing
