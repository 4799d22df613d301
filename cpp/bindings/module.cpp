#include <pybind11/pybind11.h>

#include "bindings/bind.hpp"
#include "bindings/errors.hpp"

// Nothing behind this line holds Python state of its own, so the module runs without the GIL.
PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  m.doc() = "The C++ core of rmbg_fast. Private: use rmbg_fast and rmbg_fast.ops.";
  rmbg::bindings::register_errors();
  rmbg::bindings::bind_build(m);
  rmbg::bindings::bind_ops(m);
  rmbg::bindings::bind_png(m);
  rmbg::bindings::bind_network(m);
  rmbg::bindings::bind_runtime(m);
  rmbg::bindings::bind_remover(m);
}
