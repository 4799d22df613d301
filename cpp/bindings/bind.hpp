// One function a topic; module.cpp calls them in order.
#pragma once

#include <pybind11/pybind11.h>

namespace rmbg::bindings {

void bind_build(pybind11::module_& m);    // version, compiler, tiers
void bind_device(pybind11::module_& m);   // pictures on a GPU
void bind_memory(pybind11::module_& m);   // pixels of others, and of ours
void bind_gate(pybind11::module_& m);     // who may work, and in what order
void bind_ops(pybind11::module_& m);      // the kernels on arrays
void bind_png(pybind11::module_& m);      // the image data of PNG files
void bind_runtime(pybind11::module_& m);  // ONNX Runtime's library
void bind_remover(pybind11::module_& m);  // a loaded model

}  // namespace rmbg::bindings
