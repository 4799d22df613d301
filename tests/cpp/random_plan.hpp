// Random plans: every kind of step, small sizes, each value that is not left to a view given out as planes.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "described_plan.hpp"
#include "net/plan.hpp"
#include "net/schedule.hpp"
#include "network_support.hpp"
#include "plan_builder.hpp"
#include "random_windows.hpp"

namespace rmbg::net {

class PlanMaker : PlanBuilder {
 public:
  PlanMaker(Random& random, int largest)
      : PlanBuilder(random),
        largest_(largest),
        wide_(random.one_in(4)),
        budget_((wide_ ? 12000.0 : 2500.0) * largest * largest) {}

  RandomPlan make() {
    Shape shape{random_.one_in(2) ? 1 : random_.between(2, 3), side(), side()};
    if (wide_) shape = {3, random_.between(largest_ * 3 / 5, largest_), random_.between(largest_ * 3 / 5, largest_)};
    for (int inputs = random_.between(1, 2); inputs > 0; --inputs) {
      const int input = add_value({Layout::planar, random_.one_in(2) ? random_.pick({1, 3}) : channels()}, shape);
      made_.plan.inputs.push_back(input);
      open_.push_back(emit(StepKind::pack, {input}, {Layout::blocked, channels_of(input)}, shape));
      watch(open_.back());
    }
    for (int steps = random_.between(2, 6); steps > 0; --steps) grow();
    finish();
    made_.weights = weights_.all();
    return std::move(made_);
  }

 private:
  int side() { return random_.one_in(6) ? random_.between(1, 3) : random_.between(1, largest_); }
  int channels() {
    return wide_ ? random_.between(1, 32) : random_.one_in(3) ? 16 * random_.between(1, 4) : random_.between(1, 70);
  }
  void grow() {
    const int from = random_.pick(open_);
    switch (random_.between(0, 11)) {
      case 0:
        return show(max_pool(from, random_pool(random_)));
      case 1:
        return show(resize(from, random_resize(from)));
      case 2:
        return add(from);
      case 3: {  // a convolution and its 2x2 pool, which it may do on the way
        const int convolved = convolution(from, true);
        show(convolved);
        if (convolved >= 0) show(max_pool(convolved, {{2, 2, 2, 2, 1, 1, 0, 0, 0, 0}, random_.one_in(2)}));
        return;
      }
      case 4: {  // a larger picture that nobody but convolutions may read
        const int larger = resize(from, random_.one_in(2) ? kTwice : random_resize(from));
        if (larger >= 0) show(convolution(larger, true));
        if (larger >= 0 && random_.one_in(3)) show(convolution(larger, random_.one_in(2)));
        return;
      }
      case 5:
        return deformable(from);
      case 6:
        show(sigmoid(from));
        return show(emit(StepKind::mean, {from}, value_of(from), {shape_of(from).batch, 1, 1}));
      case 7:
        return gate(from);
      case 8:
        return show(between_few(from));
      case 9:
      case 10:
        return in_a_row();
      default:
        show(convolution(from, random_.one_in(2)));
    }
  }

  void finish() {
    const int from = random_.pick(open_);
    const int planes = convolution(from, false, true);
    if (planes >= 0) made_.plan.outputs.push_back(planes);
    const int fewer = between_few(made_.plan.inputs[0], true);
    if (fewer >= 0) made_.plan.outputs.push_back(fewer);
    const int plane = planes >= 0 ? planes : made_.plan.inputs[0];
    const int resized = resize(plane, random_resize(plane));
    if (resized >= 0) made_.plan.outputs.push_back(resized);

    const std::vector<int> joined = like(from, false);
    int sum = 0;
    for (const int input : joined) sum += channels_of(input);
    made_.plan.outputs.push_back(emit(StepKind::unpack, joined, {Layout::planar, sum}, shape_of(from)));
  }

  int sigmoid(int from) {
    Step step = step_of(StepKind::sigmoid, {from});
    step.scale = random_.pick({1.0f, 2.0f, -0.5f});
    return emit(step, value_of(from), shape_of(from));
  }

  // By the sigmoid of a convolution, as networks have it.
  void gate(int from) {
    Step step = step_of(StepKind::convolution, {from});
    step.window = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
    add_weights(step, {Layout::blocked, 1});
    const int factor = sigmoid(emit(step, {Layout::blocked, 1}, shape_of(from)));
    watch(factor);
    show(emit(StepKind::gate, {from, factor}, value_of(from), shape_of(from)));
  }

  // Two convolutions as one, with weights of its own at the edges; `planar`: to planes. Or -1 where it is too small.
  int between_few(int from, bool planar = false) {
    Step step = step_of(StepKind::convolution, {from});
    step.window = {5, random_.pick({3, 5}), 1, 1, 1, 1, 2, 2, 2, 2};
    const Shape in = shape_of(from);
    const Shape out{in.batch, in.height, in.width + 5 - step.window.width};
    const Value value{planar ? Layout::planar : Layout::blocked, random_.between(1, 4)};
    step.edges = random_.between(0, 3) > 0 || planar;
    const int depth = padded(value_of(from));
    if (std::min(out.height, out.width) < 2 || depth > 48) return -1;
    step.first = random_.clamp();
    add_weights(step, value);
    return emit(step, value, out);
  }

  // Offsets of some pixels, by a convolution of the same source and window, and modulators, together or by another.
  void deformable(int from) {
    Step step{};
    step.kind = StepKind::deformable;
    step.window = random_window(random_, random_.one_in(2));
    step.inputs = {from};
    const Window& w = step.window;
    const Shape in = shape_of(from);
    const Shape out{in.batch, slid(in.height, w.top, w.bottom, w.height, w.dilation_y, w.stride_y),
                    slid(in.width, w.left, w.right, w.width, w.dilation_x, w.stride_x)};
    if (out.height < 1 || out.width < 1 || std::max(out.height, out.width) > 2 * largest_) return;
    const int taps = w.height * w.width, depth = padded(value_of(from));
    const Value value{Layout::blocked, channels()};
    if (double(out.batch) * out.height * out.width * taps * depth * (padded(value) + 64) > budget_) return;
    const std::vector<int> parts = random_.pick<std::vector<int>>({{3 * taps}, {2 * taps, taps}, {2 * taps}});
    for (const int part : parts) {
      Step around = step_of(StepKind::convolution, {from});
      around.window = w;
      const Value given{Layout::blocked, part};
      add_weights(around, given, random_.pick({0.0f, 1.0f, 1.0f, 5.0f}));
      step.inputs.push_back(emit(around, given, out));
      watch(step.inputs.back());
    }
    step.first = random_.clamp();
    if (random_.one_in(2)) return with_end(step, value.channels, out);
    add_weights(step, value);
    show(emit(step, value, out));
  }

  // It with a 1x1 convolution behind it, and perhaps what that adds.
  void with_end(Step step, int through, const Shape& out) {
    add_weights(step, {Layout::blocked, through});
    step.through = through;
    Value value{Layout::blocked, channels()};
    if (random_.one_in(2)) step.residual = added(out);
    if (step.residual >= 0) value.channels = channels_of(step.residual);
    weights_.add_end(step, value);
    step.second = random_.clamp();
    show(emit(step, value, out));
  }

  // A value of this size, one pixel enlarged to it, or -1.
  int added(const Shape& out) {
    const int from = random_.pick(open_);
    if (shape_of(from) == out && random_.one_in(2)) return from;
    if (shape_of(from).batch != out.batch) return -1;
    const int pixel = emit(StepKind::mean, {from}, value_of(from), {out.batch, 1, 1});
    return resize(pixel, {out.height, out.width, 0, 0, Coordinates::half_pixel, Interpolation::linear});
  }

  // `from` and some others of its size, in any order.
  std::vector<int> like(int from, bool planes_too) {
    std::vector<int> all{from};
    std::vector<int> others = open_;
    if (planes_too) others.insert(others.end(), made_.plan.inputs.begin(), made_.plan.inputs.end());
    for (int more = random_.between(0, 2); more > 0; --more) {
      const int other = random_.pick(others);
      if (shape_of(other) == shape_of(from)) all.insert(all.begin() + random_.between(0, int(all.size())), other);
    }
    return all;
  }

  // Or -1 where chance offers none that fits and is small enough.
  int convolution(int from, bool plain, bool planar = false) {
    for (int tries = 0; tries < 10; ++tries) {
      Step step{};
      step.kind = StepKind::convolution;
      step.inputs = like(from, !planar && random_.one_in(4));
      const Window w = step.window = random_window(random_, plain);
      const Shape in = shape_of(from);
      const Shape out{in.batch, slid(in.height, w.top, w.bottom, w.height, w.dilation_y, w.stride_y),
                      slid(in.width, w.left, w.right, w.width, w.dilation_x, w.stride_x)};
      Value value{planar ? Layout::planar : Layout::blocked, planar ? random_.pick({1, 1, 3}) : channels()};
      if (!planar && random_.one_in(2)) {
        const int residual = random_.one_in(3) ? from : random_.pick(open_);
        if (shape_of(residual) == out) {
          step.residual = residual;
          value.channels = channels_of(residual);
        }
      }
      if (out.height < 1 || out.width < 1 || std::max(out.height, out.width) > 2 * largest_) continue;
      int depth = 0;
      for (const int input : step.inputs) depth += padded(made_.plan.values[std::size_t(input)]);
      if (double(out.batch) * out.height * out.width * w.height * w.width * depth * padded(value) > budget_) continue;
      step.first = random_.clamp();
      step.second = random_.clamp();
      add_weights(step, value);
      return emit(step, value, out);
    }
    return -1;
  }

  // Two convolutions of the same size, of which the second may write over what it reads, band by band.
  void in_a_row() {
    const auto less = [&](int a, int b) { return shape_of(a).height < shape_of(b).height; };
    const int from = *std::max_element(open_.begin(), open_.end(), less);
    Step step = step_of(StepKind::convolution, {from});
    step.window = {3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
    const Shape shape = shape_of(from);
    const Value value{Layout::blocked, channels()};
    const double depth = padded(value_of(from)) + padded(value);
    if (double(shape.batch) * shape.height * shape.width * 9 * depth * padded(value) > 4 * budget_) return;
    for (int times = 0; times < 2; ++times) {
      step.first = random_.clamp();
      add_weights(step, value);
      step.inputs = {emit(step, value, shape)};
      watch(step.inputs[0]);
    }
    open_.push_back(step.inputs[0]);
  }

  int max_pool(int from, const Pool& pool) {
    Step step = step_of(StepKind::max_pool, {from});
    step.window = pool.window;
    step.ceil = pool.ceil;
    const Window& w = step.window;
    const Shape in = shape_of(from);
    const Shape out{in.batch, pooled(in.height, w.top, w.bottom, w.height, w.stride_y, pool.ceil),
                    pooled(in.width, w.left, w.right, w.width, w.stride_x, pool.ceil)};
    return out.height < 1 || out.width < 1 ? -1 : emit(step, made_.plan.values[std::size_t(from)], out);
  }

  Resize random_resize(int from) { return net::random_resize(random_, shape_of(from), {1, side(), side()}); }
  int resize(int from, const Resize& r) {
    Step step = step_of(StepKind::resize, {from});
    step.resize = r;
    const Shape in = shape_of(from);
    const Shape out{in.batch, r.height ? r.height : int(in.height * r.scale_y),
                    r.width ? r.width : int(in.width * r.scale_x)};
    const bool fits = out.height >= 1 && out.width >= 1 && std::max(out.height, out.width) <= 2 * largest_;
    return fits ? emit(step, made_.plan.values[std::size_t(from)], out) : -1;
  }

  void add(int from) {
    std::vector<int> equals;
    for (const int other : open_) {
      if (channels_of(other) == channels_of(from) && shape_of(other) == shape_of(from)) equals.push_back(other);
    }
    Step step = step_of(StepKind::add, {from, random_.pick(equals)});
    step.second = random_.clamp();
    show(emit(step, made_.plan.values[std::size_t(from)], shape_of(from)));
  }

  const int largest_;
  const bool wide_;      // few channels and many pixels: more tiles than one job takes
  const double budget_;  // multiplications of a convolution
};

}  // namespace rmbg::net
