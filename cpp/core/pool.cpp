#include "core/pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#if !defined(_WIN32)
#include <pthread.h>

#include <csignal>
#endif

namespace rmbg {
namespace {

// Signals go to the threads of the program, which may wait for them. Those that a fault of this thread raises stay.
void block_signals() {
#if !defined(_WIN32)
  sigset_t signals;
  sigfillset(&signals);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&signals, fault);
  pthread_sigmask(SIG_SETMASK, &signals, nullptr);
#endif
}

// One call of run_on_pool. It lies on the caller's stack, in the pool's list as long as helpers may still join it.
struct Job {
  void (*work)(void* data, std::size_t index);
  void* data;
  std::size_t count;
  std::size_t next = 0;     // the first index that nobody has taken
  std::size_t helpers = 0;  // threads of the pool inside of it
  Job* older = nullptr;
};

class Pool {
 public:
  void run(Job& job) {
    std::unique_lock lock(guard_);
    start_helpers(job.count - 1);
    job.older = newest_;
    newest_ = &job;
    const std::size_t wanted = std::min(job.count - 1, idle_);
    for (std::size_t i = 0; i < wanted; ++i) work_there_.notify_one();
    take_turns(job, lock);
    done_.wait(lock, [&] { return job.helpers == 0; });
  }

 private:
  static constexpr std::size_t kMostHelpers = 255;

  // As many as the largest job so far could use, whatever the number of callers.
  void start_helpers(std::size_t wanted) {
    for (; started_ < std::min(wanted, kMostHelpers); ++started_) {
      try {
        std::thread([this] { help(); }).detach();
      } catch (...) {  // no thread, or no memory for one, is left: the caller does without
        return;
      }
    }
  }

  [[noreturn]] void help() {
    block_signals();
    std::unique_lock lock(guard_);
    for (;;) {
      ++idle_;
      work_there_.wait(lock, [&] { return newest_ != nullptr; });
      --idle_;
      Job& job = *newest_;
      ++job.helpers;
      take_turns(job, lock);
      if (--job.helpers == 0) done_.notify_all();
    }
  }

  // Works on the job until all of its indices are taken. Whoever takes the last one removes it from the list.
  void take_turns(Job& job, std::unique_lock<std::mutex>& lock) {
    while (job.next < job.count) {
      const std::size_t index = job.next++;
      if (job.next == job.count) remove(job);
      lock.unlock();
      job.work(job.data, index);
      lock.lock();
    }
  }

  void remove(Job& job) {
    Job** link = &newest_;
    while (*link != &job) link = &(*link)->older;
    *link = job.older;
  }

  std::mutex guard_;
  std::condition_variable work_there_;
  std::condition_variable done_;
  Job* newest_ = nullptr;
  std::size_t started_ = 0;
  std::size_t idle_ = 0;
};

constinit std::atomic<Pool*> the_pool{nullptr};

Pool& pool() {
  Pool* current = the_pool.load(std::memory_order_acquire);
  if (current != nullptr) return *current;
  auto* const made = new Pool;
  if (the_pool.compare_exchange_strong(current, made, std::memory_order_acq_rel)) return *made;
  delete made;  // another thread was first
  return *current;
}

#if !defined(_WIN32)
// Of the parent's pool a child has the memory, maybe in the middle of a change, and no thread: it makes another.
[[maybe_unused]] const int child_starts_anew = pthread_atfork(nullptr, nullptr, [] { the_pool.store(nullptr); });
#endif

}  // namespace

void run_on_pool(void (*work)(void* data, std::size_t index), void* data, std::size_t count) {
  if (count < 2) {
    if (count == 1) work(data, 0);
    return;
  }
  Job job{work, data, count};
  pool().run(job);
}

}  // namespace rmbg
