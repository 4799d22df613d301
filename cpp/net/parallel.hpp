// How the work of a step is shared out over threads that come from outside.
#pragma once

#include <atomic>
#include <cstddef>

#include "core/stop.hpp"

namespace rmbg::net {

// How work is shared out: run(context, work, data, count) calls work(data, i) once for each i in [0, count), on as many
// threads as it likes, and returns when all are done.
struct Parallel {
  void* context;
  void (*run)(void* context, void (*work)(void* data, std::size_t index), void* data, std::size_t count);
  int threads;  // at least 1: more calls than that are not asked for
  // Once it is true, what has not begun is left out, and the outputs are not to be used. Null: it is never asked.
  const std::atomic<bool>* cancelled = nullptr;

  bool is_cancelled() const { return cancelled && cancelled->load(std::memory_order_relaxed); }
};

// Calls job(i, worker) for each i in [0, jobs); worker is below the number of threads, and no two calls of one worker
// are under way at once. Where this thread's current stop asks for the end (core/stop.hpp), jobs that have not begun are
// left out, and it throws what that says.
template <typename Job>
void share(const Parallel& parallel, std::size_t jobs, const Job& job) {
  struct Shared {
    const Parallel& parallel;
    const Job& job;
    std::size_t jobs;
    const Stop* stop;  // the workers have none of their own
    std::atomic<std::size_t> next{0};

    bool ends() const { return parallel.is_cancelled() || (stop && stop->reason() != Stop::Reason::none); }
  } shared{parallel, job, jobs, Stop::current()};
  const auto work = [](void* data, std::size_t worker) {
    Shared& all = *static_cast<Shared*>(data);
    for (std::size_t i = all.next++; i < all.jobs && !all.ends(); i = all.next++) all.job(i, worker);
  };
  const std::size_t threads = static_cast<std::size_t>(parallel.threads);
  const std::size_t workers = jobs < threads ? jobs : threads;
  if (workers <= 1) {
    work(&shared, 0);
  } else {
    parallel.run(parallel.context, work, &shared, workers);
  }
  if (shared.stop) shared.stop->check();
}

}  // namespace rmbg::net
