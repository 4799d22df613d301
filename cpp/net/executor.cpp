#include "net/executor.hpp"

#include "core/stop.hpp"

namespace rmbg::net {

void Run::step(std::size_t index) {
  const Step& step = plan_.steps[index];
  const Ready& ready = schedule_.steps[index];
  switch (ready.algorithm) {
    case Algorithm::none:
      break;
    case Algorithm::winograd:
      convolve_winograd(step, ready);
      break;
    case Algorithm::direct:
      convolve_direct(step, ready);
      break;
    case Algorithm::dot:
      convolve_to_planes(step, ready);
      break;
    case Algorithm::max_pool:
      max_pool(step);
      break;
    case Algorithm::resize:
      resize(step, ready);
      break;
    case Algorithm::add:
      add(step);
      break;
    case Algorithm::pack:
      pack(step);
      break;
    case Algorithm::unpack:
      unpack(step);
      break;
    case Algorithm::deformable:
      convolve_deformable(step, ready);
      break;
    case Algorithm::sigmoid:
      sigmoid(step);
      break;
    case Algorithm::gate:
      gate(step);
      break;
    case Algorithm::mean:
      mean(step);
      break;
  }
}

const float* Run::read(int value) const {
  const Allocation& where = allocation(resolve(value));
  if (where.home == Home::input) return buffers_.inputs[where.at];
  if (where.home == Home::output) return buffers_.outputs[where.at];
  return buffers_.arena + where.at;
}

float* Run::write(int value) const {
  const Allocation& where = allocation(value);
  return where.home == Home::output ? buffers_.outputs[where.at] : buffers_.arena + where.at;
}

bool execute(const Plan& plan, const Schedule& schedule, const Kernels& kernels, const Buffers& buffers,
             const Parallel& parallel, const Observer* observer) {
  Run run(plan, schedule, kernels, buffers, parallel);
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    check_stop();
    run.step(i);
    if (run.cancelled()) return false;
    if (observer) observer->done(observer->context, i);
  }
  return true;
}

}  // namespace rmbg::net
