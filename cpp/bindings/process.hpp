// What belongs to the process that made it.
#pragma once

#if !defined(_WIN32)
#include <unistd.h>
#endif

namespace rmbg::bindings {

inline int process_id() {
#if defined(_WIN32)
  return 0;
#else
  return static_cast<int>(getpid());
#endif
}

// A deleter: a forked child leaves its parent's objects where they are. To end a model ONNX Runtime waits for threads
// that the child does not have, and so may locks and conditions that those threads held.
template <typename T>
struct EndInItsProcess {
  int process = process_id();
  void operator()(T* object) const {
    if (process == process_id()) delete object;
  }
};

}  // namespace rmbg::bindings
