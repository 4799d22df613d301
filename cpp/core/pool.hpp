// The threads of this process that help whoever calls the kernels: one pool for all of them.
#pragma once

#include <cstddef>

namespace rmbg {

// Calls work(data, i) once for each i in [0, count) and returns when all are done. The caller works too, so that calls
// from many threads, or from inside of `work`, never wait for each other; up to count - 1 threads of the pool help.
// They are started when they are first needed, and sleep between calls. `work` must not throw.
//
// Where the system has no thread left, those that are there do it all. A forked child has none of its parent's threads
// and starts its own. When the process ends they are left as they are: nothing of the pool is ever destroyed.
//
// Where several calls are under way the cores are shared out: a job gets as many threads as there are cores for each
// call, and at least its caller. So a lone picture takes all of them, and of a flood each takes one.
void run_on_pool(void (*work)(void* data, std::size_t index), void* data, std::size_t count);

// A picture comes in, and is done. Outside of calls a job has all the threads that it asks for.
void enter_call();
void leave_call();

// How many cores this process may use; before it is told, each call has those that it asks for.
void set_cores(int cores);

}  // namespace rmbg
