// Runs a plan. Knows no runtime: memory, threads and weights come from outside.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "net/schedule.hpp"

namespace rmbg::net {

// How work is shared out: run(context, work, data, count) calls work(data, i) once for each i in [0, count), on as many
// threads as it likes, and returns when all are done.
struct Parallel {
  void* context;
  void (*run)(void* context, void (*work)(void* data, std::size_t index), void* data, std::size_t count);
  int threads;  // at least 1: more calls than that are not asked for
  // Once it is true, what has not begun is left out, and the outputs are not to be used. Null: it is never asked.
  const std::atomic<bool>* cancelled = nullptr;
};

struct Buffers {
  const float* weights;
  const float* const* inputs;  // planar, as the schedule's
  float* const* outputs;       // planar
  float* arena;                // schedule.arena floats, on a cache line
  float* scratch;              // threads * schedule.scratch floats, on a cache line
};

// The rows of a window that lie inside the input.
struct Taps {
  int first, count;
};

// What the steps of a run share. The functions below do one step each and return when it is done.
class Run {
 public:
  Run(const Plan& plan, const Schedule& schedule, const Kernels& kernels, const Buffers& buffers,
      const Parallel& parallel)
      : plan_(plan), schedule_(schedule), kernels_(kernels), buffers_(buffers), parallel_(parallel) {}

  void step(std::size_t index);
  bool cancelled() const { return parallel_.cancelled && parallel_.cancelled->load(std::memory_order_relaxed); }

 private:
  void convolve_winograd(const Step& step, const Ready& ready);
  void convolve_direct(const Step& step, const Ready& ready);
  void convolve_to_planes(const Step& step, const Ready& ready);
  void fill_spans(const Step& step, const Tile& pixel, Taps rows, int column, Span* spans) const;
  void convolve_deformable(const Step& step, const Ready& ready);
  void max_pool(const Step& step);
  void resize(const Step& step, const Ready& ready);
  void add(const Step& step);
  void pack(const Step& step);
  void unpack(const Step& step);
  void sigmoid(const Step& step);
  void gate(const Step& step);
  void mean(const Step& step);

  const Allocation& allocation(int value) const { return schedule_.values[static_cast<std::size_t>(value)]; }
  const Value& value(int index) const { return plan_.values[static_cast<std::size_t>(index)]; }
  int resolve(int value) const { return net::resolve(schedule_.values, value); }
  const float* read(int value) const;
  float* write(int value) const;
  template <typename T>
  T* scratch(std::size_t worker) const {
    return reinterpret_cast<T*>(buffers_.scratch + worker * schedule_.scratch);
  }

  // Calls job(i, worker) for each i in [0, jobs); worker is below the number of threads, and no two calls of one worker
  // are under way at once.
  template <typename Job>
  void share(std::size_t jobs, const Job& job) const {
    struct Shared {
      const Run& run;
      const Job& job;
      std::size_t jobs;
      std::atomic<std::size_t> next{0};
    } shared{*this, job, jobs};
    const auto work = [](void* data, std::size_t worker) {
      Shared& all = *static_cast<Shared*>(data);
      for (std::size_t i = all.next++; i < all.jobs && !all.run.cancelled(); i = all.next++) all.job(i, worker);
    };
    const std::size_t threads = static_cast<std::size_t>(parallel_.threads);
    const std::size_t workers = jobs < threads ? jobs : threads;
    if (workers <= 1) {
      work(&shared, 0);
    } else {
      parallel_.run(parallel_.context, work, &shared, workers);
    }
  }

  const Plan& plan_;
  const Schedule& schedule_;
  const Kernels& kernels_;
  const Buffers& buffers_;
  const Parallel& parallel_;
};

// Who wants to know when a step is done, or null.
struct Observer {
  void* context;
  void (*done)(void* context, std::size_t step);
};

// False: it was cancelled. Throws what the current stop of this thread asks for (core/stop.hpp).
bool execute(const Plan& plan, const Schedule& schedule, const Kernels& kernels, const Buffers& buffers,
             const Parallel& parallel, const Observer* observer = nullptr);

}  // namespace rmbg::net
