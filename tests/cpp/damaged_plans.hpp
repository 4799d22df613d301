// Plans that are damaged on their way: refused, or run without harm.
#pragma once

#include <array>
#include <bit>
#include <new>

#include "core/error.hpp"
#include "network_runs.hpp"

namespace {

std::vector<std::int64_t> encode(const Plan& plan) {
  std::vector<std::int64_t> numbers{kPlanVersion};
  const auto put = [&](auto... values) { (numbers.push_back(static_cast<std::int64_t>(values)), ...); };
  const auto put_real = [&](double value) { numbers.push_back(std::bit_cast<std::int64_t>(value)); };
  const auto put_list = [&](const std::vector<int>& values) {
    put(values.size());
    numbers.insert(numbers.end(), values.begin(), values.end());
  };
  const auto put_clamp = [&](Clamp clamp) {
    put_real(clamp.low);
    put_real(clamp.high);
  };
  put(plan.values.size());
  for (const Value& value : plan.values) put(value.layout, value.channels);
  put_list(plan.inputs);
  put_list(plan.outputs);
  put(plan.steps.size());
  for (const Step& step : plan.steps) {
    const Window& w = step.window;
    const bool convolution = step.kind == StepKind::convolution;
    put(step.kind);
    put_list(step.inputs);
    put(step.output);
    const bool deformable = step.kind == StepKind::deformable;
    if (convolution || deformable || step.kind == StepKind::max_pool) {
      put(w.height, w.width, w.stride_y, w.stride_x, w.dilation_y, w.dilation_x, w.top, w.left, w.bottom, w.right);
    }
    if (step.kind == StepKind::max_pool) put(step.ceil);
    if (convolution || deformable) {
      put(step.weights, step.bias);
      put_clamp(step.first);
    }
    if (deformable) put(step.through);
    if (step.through > 0) put(step.end_weights, step.end_bias);
    if (convolution) put(step.edges);
    if (convolution || step.through > 0) put(step.residual);
    if (convolution || step.kind == StepKind::add || step.through > 0) put_clamp(step.second);
    if (step.kind == StepKind::resize) {
      put(step.resize.height, step.resize.width);
      put_real(step.resize.scale_y);
      put_real(step.resize.scale_x);
      put(step.resize.coordinates, step.resize.interpolation);
    }
    if (step.kind == StepKind::sigmoid) put_real(step.scale);
  }
  return numbers;
}

void damage(Random& random, std::vector<std::int64_t>& numbers) {
  const auto at = [&]() -> std::int64_t& { return numbers[std::size_t(random.between(0, int(numbers.size()) - 1))]; };
  switch (random.between(0, 5)) {
    case 0:
      numbers.resize(std::size_t(random.between(1, int(numbers.size()))));
      break;
    case 1:
      numbers.insert(numbers.begin() + random.between(0, int(numbers.size())), std::int64_t(random.bits()));
      break;
    case 2:
      at() = random.pick({std::int64_t{-1}, INT64_MAX, INT64_MIN, std::int64_t{1} << 32, std::int64_t{1} << 20,
                          std::bit_cast<std::int64_t>(double{kNaN}), std::bit_cast<std::int64_t>(1e300)});
      break;
    case 3:
      at() = at();
      break;
    default:
      at() ^= std::int64_t(std::uint64_t{1} << random.between(0, random.pick({3, 63})));
  }
}

// May the plan be run here? What a damaged one asks for can be far too large, which is no fault of its reader.
bool small(const Plan& plan) {
  for (const Value& value : plan.values) {
    if (value.channels > 200) return false;
  }
  for (const Step& step : plan.steps) {
    if (step.through > 200) return false;
    const Window& w = step.window;
    for (const int size :
         {w.height, w.width, w.stride_y, w.stride_x, w.dilation_y, w.dilation_x, w.top, w.left, w.bottom, w.right}) {
      if (size > 20) return false;
    }
    if (std::max(step.resize.height, step.resize.width) > 100 || std::max(step.resize.scale_y, step.resize.scale_x) > 4)
      return false;
  }
  return true;
}

void run_damaged(Random& random, const Plan& plan, const RandomPlan& made) {
  if (!small(plan)) return;
  const std::vector<Shape> shapes(plan.inputs.size(), made.inputs()[0]);
  const Machine machine{1, std::size_t{1} << 20};
  const Schedule schedule = net::schedule(plan, shapes, machine);
  double products = 0;
  for (const Step& step : plan.steps) {
    double depth = step.window.height * step.window.width;
    for (const int input : step.inputs) depth += depth * padded(plan.values[std::size_t(input)]);
    products += depth * double(floats_of(schedule.values[std::size_t(step.output)].shape,
                                         plan.values[std::size_t(step.output)]));
  }
  if (products > 1e8) return;
  run_dirty(plan, made.weights, schedule, *tiers_here().back(), random_inputs(random, plan, shapes), 1);
}

// Whatever the numbers are, they are refused or make a plan that runs.
void check_decode(Random& random, const RandomPlan& made, int& refused, int& decoded) {
  const std::vector<std::int64_t> numbers = encode(made.plan);
  if (encode(decode(numbers.data(), numbers.size(), made.weights.size())) != numbers) fail("decode", "another plan");
  for (int times = 0; times < 50; ++times) {
    std::vector<std::int64_t> damaged = numbers;
    for (int more = random.between(1, 3); more > 0; --more) damage(random, damaged);
    damaged = std::vector<std::int64_t>(damaged.begin(), damaged.end());  // to the byte
    try {
      const Plan plan = decode(damaged.data(), damaged.size(), made.weights.size());
      ++decoded;
      if (times < 10) run_damaged(random, plan, made);
    } catch (const Error&) {
      ++refused;
    }
  }
}

}  // namespace
