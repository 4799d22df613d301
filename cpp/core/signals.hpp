// Signals and the threads that we start.
#pragma once

#if !defined(_WIN32)
#include <pthread.h>

#include <csignal>
#endif

namespace rmbg {

// For a thread of ours: signals go to the threads of the program, which may wait for them. Those that a fault of this
// thread raises stay.
inline void leave_signals_to_the_program() {
#if !defined(_WIN32)
  sigset_t signals;
  sigfillset(&signals);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&signals, fault);
  pthread_sigmask(SIG_SETMASK, &signals, nullptr);
#endif
}

}  // namespace rmbg
