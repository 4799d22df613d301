// Runs a plan. Knows no runtime: memory, threads and weights come from outside.
#pragma once

#include <cstddef>
#include <vector>

#include "net/parallel.hpp"
#include "net/schedule.hpp"

namespace rmbg::net {

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
  bool cancelled() const { return parallel_.is_cancelled(); }

 private:
  void convolve_winograd(const Step& step, const Ready& ready);
  void convolve_direct(const Step& step, const Ready& ready);
  void convolve_pixels(const Step& step, const Ready& ready);
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

  // As net::share.
  template <typename Job>
  void share(std::size_t jobs, const Job& job) const {
    net::share(parallel_, jobs, job);
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
