#include "bindings/errors.hpp"

#include <pybind11/pybind11.h>

#include <string_view>

#include "core/error.hpp"

namespace py = pybind11;

namespace rmbg::bindings {
namespace {

const char* class_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::image:
      return "ImageError";
    case ErrorKind::image_too_large:
      return "ImageTooLargeError";
    case ErrorKind::option:
      return "OptionError";
    case ErrorKind::model:
      return "ModelError";
    case ErrorKind::model_file:
      return "ModelFileError";
    case ErrorKind::model_output:
      return "ModelOutputError";
    case ErrorKind::runtime_not_found:
      return "RuntimeNotFoundError";
    case ErrorKind::device:
      return "DeviceError";
    case ErrorKind::memory:
      return "OutOfMemoryError";
    case ErrorKind::inference:
      return "InferenceError";
    case ErrorKind::queue_full:
      return "QueueFullError";
    case ErrorKind::late:
      return "DeadlineError";
    case ErrorKind::cancelled:
      return "CancelledError";
  }
  return "RmbgError";
}

}  // namespace

void register_errors() {
  // NOLINTNEXTLINE(performance-unnecessary-value-param): pybind11 wants a function that takes it so
  py::register_local_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& error) {
      const py::object type = py::module_::import("rmbg_fast.errors").attr(class_of(error.kind()));
      // What it quotes of file names need not be UTF-8.
      const std::string_view text = error.what();
      const auto length = static_cast<Py_ssize_t>(text.size());
      const auto message =
          py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(text.data(), length, "backslashreplace"));
      if (message) PyErr_SetObject(type.ptr(), message.ptr());
    }
  });
}

}  // namespace rmbg::bindings
