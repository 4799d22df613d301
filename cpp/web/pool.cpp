// The pool of core/pool.hpp in WebAssembly: helpers are instances of the module in workers of the page, over the same
// memory. Without shared memory there are none, and nobody ever waits.
#include "core/pool.hpp"

#include <atomic>

#include "core/mutex.hpp"
#include "web/host.hpp"

namespace rmbg {
namespace {

// A number that others wait for to change.
class Signal {
 public:
  int now() const { return count_.load(); }
  void wait(int seen) { __builtin_wasm_memory_atomic_wait32(reinterpret_cast<int*>(&count_), seen, -1); }
  void raise() {
    count_.fetch_add(1);
    __builtin_wasm_memory_atomic_notify(reinterpret_cast<int*>(&count_), ~0u);
  }

 private:
  std::atomic<int> count_{0};
};

// One call of run_on_pool; it lies on the caller's stack.
struct Job {
  void (*work)(void* data, std::size_t index);
  void* data;
  std::size_t count;
  std::size_t next = 0;     // the first index that nobody has taken
  std::size_t helpers = 0;  // inside of it
};

class Pool {
 public:
  void run(Job& job) {
    guard_.lock();
    open_ = &job;
    work_there_.raise();
    take_turns(job);
    while (job.helpers != 0) {
      const int seen = done_.now();
      guard_.unlock();
      done_.wait(seen);
      guard_.lock();
    }
    guard_.unlock();
  }

  void help() {
    guard_.lock();
    while (!ended_) {
      if (!open_) {
        const int seen = work_there_.now();
        guard_.unlock();
        work_there_.wait(seen);
        guard_.lock();
        continue;
      }
      Job& job = *open_;
      ++job.helpers;
      take_turns(job);
      if (--job.helpers == 0) done_.raise();
    }
    guard_.unlock();
  }

  void end() {
    const std::lock_guard lock(guard_);
    ended_ = true;
    work_there_.raise();
  }

 private:
  // Works on the job until all of its indices are taken. Whoever takes the last one closes it.
  void take_turns(Job& job) {
    while (job.next < job.count) {
      const std::size_t index = job.next++;
      if (job.next == job.count && open_ == &job) open_ = nullptr;
      guard_.unlock();
      job.work(job.data, index);
      guard_.lock();
    }
  }

  Mutex guard_;
  Signal work_there_;
  Signal done_;
  Job* open_ = nullptr;  // a call from inside of another takes its place: the helpers that are in it stay
  bool ended_ = false;
};

constinit Pool pool;

}  // namespace

void run_on_pool(void (*work)(void* data, std::size_t index), void* data, std::size_t count) {
  if (count < 2) {
    if (count == 1) work(data, 0);
    return;
  }
  Job job{work, data, count};
  pool.run(job);
}

}  // namespace rmbg

// In a worker's own instance: returns when the session ends.
RMBG_FAST_EXPORT("help") void rmbg_fast_help() { rmbg::pool.help(); }
RMBG_FAST_EXPORT("end_helpers") void rmbg_fast_end_helpers() { rmbg::pool.end(); }
