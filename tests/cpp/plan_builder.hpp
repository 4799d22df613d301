// A plan as it grows: values, steps, weights, and which values later steps may read.
#pragma once

#include <utility>
#include <vector>

#include "described_plan.hpp"
#include "net/plan.hpp"
#include "net/schedule.hpp"
#include "network_support.hpp"
#include "random_weights.hpp"

namespace rmbg::net {

class PlanBuilder {
 protected:
  explicit PlanBuilder(Random& random) : random_(random) {}

  int channels_of(int value) const { return made_.plan.values[std::size_t(value)].channels; }
  const Shape& shape_of(int value) const { return made_.shapes[std::size_t(value)]; }
  Value value_of(int value) const { return made_.plan.values[std::size_t(value)]; }

  int add_value(Value value, Shape shape) {
    made_.plan.values.push_back(value);
    made_.shapes.push_back(shape);
    return int(made_.plan.values.size()) - 1;
  }
  static Step step_of(StepKind kind, std::vector<int> inputs) {
    Step step{};
    step.kind = kind;
    step.inputs = std::move(inputs);
    return step;
  }
  int emit(Step step, Value value, Shape shape) {
    step.output = add_value(value, shape);
    made_.plan.steps.push_back(step);
    return step.output;
  }
  int emit(StepKind kind, std::vector<int> inputs, Value value, Shape shape) {
    return emit(step_of(kind, std::move(inputs)), value, shape);
  }
  void watch(int value) {
    made_.plan.outputs.push_back(
        emit(StepKind::unpack, {value}, {Layout::planar, channels_of(value)}, shape_of(value)));
  }
  void show(int value) {
    if (value < 0) return;
    open_.push_back(value);
    watch(value);
  }
  void add_weights(Step& step, const Value& out, float times = 1.0f) { weights_.add(made_.plan, step, out, times); }

  Random& random_;
  RandomPlan made_;
  RandomWeights weights_{random_};
  std::vector<int> open_;  // blocked values that any step may read
};

}  // namespace rmbg::net
