// Native work without the GIL, and how the process ends while some of it is under way.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>

namespace rmbg::bindings {

// Releases the GIL, and counts the caller as at work until resume_thread.
PyThreadState* suspend_thread();
// Takes the GIL back. Does not return where the interpreter has ended meanwhile: the thread stays there until the
// process is gone.
void resume_thread(PyThreadState* thread);

// Calls work() without the GIL. Not a guard with a destructor: before Python 3.14 a thread that asks for the GIL of an
// ended interpreter is unwound by pthread_exit, and meets std::terminate in a destructor or in pybind11's catch (...).
template <typename Work>
void without_gil(const Work& work) {
  PyThreadState* const thread = suspend_thread();
  std::exception_ptr failure;
  try {
    work();
  } catch (...) {
    failure = std::current_exception();
  }
  resume_thread(thread);
  if (failure) std::rethrow_exception(failure);
}

// To be called once ONNX Runtime is loaded. Its own handlers at exit wait for its threads, or pull the ground from
// under them. They are left out where that cannot go well: in a process that was forked off after the library was
// loaded, which has none of those threads, and while daemon threads are at work.
void leave_safely_at_exit();

}  // namespace rmbg::bindings
