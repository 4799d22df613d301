// A network without a runtime around it: what the tests and the benchmarks of its kernels run.
#pragma once

#include <pybind11/pybind11.h>

namespace rmbg::testing {

void bind_bare_network(pybind11::module_& m);

}  // namespace rmbg::testing
