#include "bindings/gil.hpp"

#include <pybind11/numpy.h>

#include <atomic>
#include <chrono>
#include <thread>

#if defined(__GLIBC__)
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#endif
#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

namespace py = pybind11;

namespace rmbg::bindings {
namespace {

std::atomic<int> at_work{0};

[[noreturn]] void stay() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(24));
}

bool interpreter_has_ended() {
#if PY_VERSION_HEX >= 0x030d0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

#if defined(__GLIBC__)
pid_t loader = 0;

void leave(int status, void*) {
  const bool forked = getpid() != loader;
  if (!forked && at_work == 0) return;
  // A thread that reads may hold the lock of another stream; a child has only this thread.
  std::fflush(forked ? nullptr : stdout);
  _exit(status);
}
#endif

}  // namespace

PyThreadState* suspend_thread() {
  ++at_work;
  return PyEval_SaveThread();
}

void resume_thread(PyThreadState* thread) {
  --at_work;
  if (interpreter_has_ended()) stay();
#if defined(__GLIBCXX__)
  try {
    PyEval_RestoreThread(thread);
  } catch (abi::__forced_unwind&) {  // it ended while this thread was waiting
    stay();
  }
#else
  PyEval_RestoreThread(thread);
#endif
}

void leave_safely_at_exit() {
  // pybind11 asks NumPy for its functions at the first array of the process, and takes the GIL back in a destructor
  // then (see without_gil): not in a daemon thread that the end may meet there.
  py::dtype::of<float>();
#if defined(__GLIBC__)
  if (loader != 0) return;
  loader = getpid();
  // Handlers run in reverse order, and ONNX Runtime may add its own as late as it likes: ours is added when Python
  // ends. A forked child inherits the wish.
  py::module_::import("atexit").attr("register")(py::cpp_function([] { on_exit(&leave, nullptr); }));
#endif
}

}  // namespace rmbg::bindings
