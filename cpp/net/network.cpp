#include "net/network.hpp"

#include <algorithm>

namespace rmbg::net {

std::shared_ptr<const Schedule> Network::schedule(const std::vector<Shape>& inputs) {
  const std::lock_guard lock(guard_);
  const auto known =
      std::find_if(schedules_.begin(), schedules_.end(), [&](const auto& one) { return one->inputs == inputs; });
  if (known != schedules_.end()) return *known;
  auto made = std::make_shared<const Schedule>(net::schedule(plan_, inputs, machine_));
  if (schedules_.size() == kSchedules) schedules_.erase(schedules_.begin());
  schedules_.push_back(made);
  return made;
}

bool Network::run(const Schedule& schedule, const float* const* inputs, float* const* outputs, const Parallel& parallel,
                  const Observer* observer) {
  const std::size_t floats = schedule.arena + schedule.scratch * static_cast<std::size_t>(machine_.threads);
  std::unique_ptr<Workspace> workspace = take(floats);
  float* const memory = static_cast<float*>(workspace->pages.data());
  const Buffers buffers{weights_, inputs, outputs, memory, memory + schedule.arena};
  const bool done = execute(plan_, schedule, kernels_, buffers, parallel, observer);
  give_back(std::move(workspace));
  return done;
}

void Network::rest() {
  const std::lock_guard lock(guard_);
  idle_.clear();
}

std::unique_ptr<Network::Workspace> Network::take(std::size_t floats) {
  {
    const std::lock_guard lock(guard_);
    while (!idle_.empty()) {
      std::unique_ptr<Workspace> workspace = std::move(idle_.back());
      idle_.pop_back();
      if (workspace->floats >= floats) return workspace;
    }
  }
  return std::make_unique<Workspace>(floats);
}

void Network::give_back(std::unique_ptr<Workspace> workspace) {
  const std::lock_guard lock(guard_);
  idle_.push_back(std::move(workspace));
}

}  // namespace rmbg::net
