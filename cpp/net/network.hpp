// A plan with its weights and its memory, ready to run from many threads at once.
#pragma once

#include <memory>
#include <vector>

#include "core/mutex.hpp"
#include "core/pages.hpp"
#include "net/executor.hpp"

namespace rmbg::net {

class Network {
 public:
  // The weights are not copied and must outlive the network.
  Network(Plan plan, const float* weights, const Kernels& kernels, const Machine& machine)
      : plan_(std::move(plan)), weights_(weights), kernels_(kernels), machine_(machine) {}

  const Plan& plan() const { return plan_; }
  int threads() const { return machine_.threads; }

  // The schedule for inputs of these shapes; the last few are kept. Throws Error(inference).
  std::shared_ptr<const Schedule> schedule(const std::vector<Shape>& inputs);

  // `parallel` may use as many threads as the machine was said to have, or fewer. False: it was
  // cancelled. Throws std::bad_alloc, and as execute.
  bool run(const Schedule& schedule, const float* const* inputs, float* const* outputs, const Parallel& parallel,
           const Observer* observer = nullptr);
  // Gives back the memory that runs work in, as far as none is under way.
  void rest();

 private:
  // What one run works in. As many are kept as runs were under way at once, which is for the caller to bound.
  struct Workspace {
    explicit Workspace(std::size_t floats) : floats(floats), pages(floats * sizeof(float)) {}
    std::size_t floats;
    Pages pages;
  };
  static constexpr std::size_t kSchedules = 4;

  std::unique_ptr<Workspace> take(std::size_t floats);
  void give_back(std::unique_ptr<Workspace> workspace);

  const Plan plan_;
  const float* const weights_;
  const Kernels& kernels_;
  const Machine machine_;
  Mutex guard_;
  std::vector<std::shared_ptr<const Schedule>> schedules_;
  std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace rmbg::net
