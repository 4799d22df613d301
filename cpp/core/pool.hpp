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
void run_on_pool(void (*work)(void* data, std::size_t index), void* data, std::size_t count);

}  // namespace rmbg
