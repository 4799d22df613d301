#include "core/pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/signals.hpp"

namespace rmbg {
namespace {

std::atomic<int> calls{0};  // under way
std::atomic<int> cores{1};

// How many threads of the pool may help a job of so many indices.
std::size_t share_of(std::size_t count) {
  const auto at_once = static_cast<std::size_t>(std::max(calls.load(std::memory_order_relaxed), 1));
  const std::size_t all = std::max(count, static_cast<std::size_t>(cores.load(std::memory_order_relaxed)));
  return std::min(std::max(all / at_once, std::size_t{1}), count) - 1;
}

// One call of run_on_pool. It lies on the caller's stack, in the pool's list as long as helpers may still join it.
struct Job {
  void (*work)(void* data, std::size_t index);
  void* data;
  std::size_t count;
  std::size_t most;         // threads of the pool that may be inside of it
  std::size_t helpers = 0;  // those that are
  std::size_t next = 0;     // the first index that nobody has taken
  Job* older = nullptr;
};

class Pool {
 public:
  void run(Job& job) {
    std::unique_lock lock(guard_);
    start_helpers(job.count - 1);
    job.older = newest_;
    newest_ = &job;
    const std::size_t wanted = std::min(job.most, idle_);
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
    leave_signals_to_the_program();
    std::unique_lock lock(guard_);
    for (;;) {
      ++idle_;
      Job* found = nullptr;
      work_there_.wait(lock, [&] { return (found = job_with_room()) != nullptr; });
      --idle_;
      Job& job = *found;
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

  Job* job_with_room() const {
    Job* job = newest_;
    while (job != nullptr && job->helpers >= job->most) job = job->older;
    return job;
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
[[maybe_unused]] const int child_starts_anew = pthread_atfork(nullptr, nullptr, [] {
  the_pool.store(nullptr);
  calls.store(0);
});
#endif

}  // namespace

void run_on_pool(void (*work)(void* data, std::size_t index), void* data, std::size_t count) {
  if (count < 2) {
    if (count == 1) work(data, 0);
    return;
  }
  Job job{work, data, count, share_of(count)};
  pool().run(job);
}

void enter_call() { calls.fetch_add(1, std::memory_order_relaxed); }

void leave_call() { calls.fetch_sub(1, std::memory_order_relaxed); }

void set_cores(int count) { cores.store(std::max(count, 1), std::memory_order_relaxed); }

}  // namespace rmbg
