#include <pybind11/pybind11.h>

#include "bindings/bind.hpp"
#include "bindings/errors.hpp"

namespace {

// Set as a Python error where the interpreter is not the main one: what pybind11 keeps for all modules belongs to that,
// and NumPy supports no other either.
bool refuses_interpreter() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return false;
  PyErr_SetString(PyExc_ImportError,
                  "rmbg_fast cannot be imported in a sub-interpreter: import it in the main interpreter of the process "
                  "(with mod_wsgi: WSGIApplicationGroup %{GLOBAL})");
  return true;
}

}  // namespace

// Nothing behind this line holds Python state of its own, so the module runs without the GIL.
PYBIND11_MODULE(_core_of_main, m, pybind11::mod_gil_not_used()) {
  if (refuses_interpreter()) throw pybind11::error_already_set();
  m.doc() = "The C++ core of rmbg_fast. Private: use rmbg_fast and rmbg_fast.ops.";
  rmbg::bindings::register_errors();
  rmbg::bindings::bind_build(m);
  rmbg::bindings::bind_memory(m);
  rmbg::bindings::bind_gate(m);
  rmbg::bindings::bind_ops(m);
  rmbg::bindings::bind_png(m);
  rmbg::bindings::bind_runtime(m);
  rmbg::bindings::bind_remover(m);
  rmbg::bindings::bind_device(m);
}

// What Python calls. pybind11's own entry comes second, for it waits for a GIL that a sub-interpreter never gets.
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() { return refuses_interpreter() ? nullptr : PyInit__core_of_main(); }
