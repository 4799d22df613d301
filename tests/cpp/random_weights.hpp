// Random weights of the steps of a plan, as the plan wants them: what is padding has weights and bias 0.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "net/plan.hpp"
#include "network_support.hpp"

namespace rmbg::net {

class RandomWeights {
 public:
  explicit RandomWeights(Random& random) : random_(random) {}

  Floats all() const { return Floats(weights_.begin(), weights_.end()); }

  // Of a convolution, or a deformable one without its end, to `out`.
  void add(const Plan& plan, Step& step, const Value& out, float times) {
    std::vector<bool> real;
    const bool by_taps = step.kind == StepKind::deformable;
    bool planes = false;
    for (const int input : by_taps ? std::vector<int>{step.inputs[0]} : step.inputs) {
      const Value& value = plan.values[std::size_t(input)];
      planes = planes || value.layout == Layout::planar;
      for (int c = 0; c < padded(value); ++c) real.push_back(c < value.channels);
    }
    const int taps = step.window.height * step.window.width;
    const bool dots = out.layout == Layout::planar && !planes;
    const int width = dots ? out.channels : blocks_of(out.channels) * kBlock;
    const Order order = by_taps ? Order::taps : dots ? Order::dots : Order::blocks;
    step.weights = weights_.size();
    for (int place = 0; place < places_of(step); ++place) put(real, width, out.channels, taps, order, times);
    step.bias = weights_.size();
    for (int place = 0; place < places_of(step); ++place) put_bias(width, out.channels);
  }

  // Of the 1x1 convolution of `step.through` channels behind a deformable one.
  void add_end(Step& step, const Value& out) {
    std::vector<bool> real(std::size_t(blocks_of(step.through)) * kBlock, true);
    std::fill(real.begin() + step.through, real.end(), false);
    step.end_weights = weights_.size();
    put(real, padded(out), out.channels, 1, Order::blocks, 1.0f);
    step.end_bias = weights_.size();
    put_bias(padded(out), out.channels);
  }

 private:
  enum class Order { blocks, dots, taps };  // see net/plan.hpp

  // For `width` outputs, of which there are `channels`, and for inputs of which some are `real`.
  void put(const std::vector<bool>& real, int width, int channels, int taps, Order order, float times) {
    const int depth = int(real.size());
    const float reach = times * 1.7f / std::sqrt(float(depth * taps));
    for (int i = 0; i < width * depth * taps; ++i) {
      const int c = order == Order::taps   ? i / kBlock % depth
                    : order == Order::dots ? i % depth
                                           : i / (taps * kBlock) % depth;
      const int k = order == Order::dots ? 0 : i / (taps * kBlock * depth) * kBlock + i % kBlock;
      weights_.push_back(real[std::size_t(c)] && k < channels ? reach * random_.real() : 0.0f);
    }
  }
  void put_bias(int width, int channels) {
    for (int k = 0; k < width; ++k) weights_.push_back(k < channels ? 0.3f * random_.real() : 0.0f);
  }

  Random& random_;
  std::vector<float> weights_;
};

}  // namespace rmbg::net
