// A plan with its weights and the shapes of its values, and a step of it in words.
#pragma once

#include <string>
#include <vector>

#include "net/plan.hpp"
#include "net/schedule.hpp"
#include "network_support.hpp"

namespace rmbg::net {

struct RandomPlan {
  Plan plan;
  Floats weights;
  std::vector<Shape> shapes;  // of the values

  std::vector<Shape> inputs() const {
    std::vector<Shape> all;
    for (const int input : plan.inputs) all.push_back(shapes[std::size_t(input)]);
    return all;
  }
};

inline std::string describe(const RandomPlan& made, const Step& step) {
  const char* const names[] = {"convolution", "max_pool",   "resize",  "add",  "pack",
                               "unpack",      "deformable", "sigmoid", "gate", "mean"};
  const auto value = [&](int index) {
    const Value& what = made.plan.values[std::size_t(index)];
    const Shape& shape = made.shapes[std::size_t(index)];
    return std::to_string(index) + (what.layout == Layout::blocked ? ":blocked " : ":planar ") +
           std::to_string(shape.batch) + "x" + std::to_string(what.channels) + "x" + std::to_string(shape.height) +
           "x" + std::to_string(shape.width);
  };
  const Window& w = step.window;
  std::string all = names[int(step.kind)];
  for (const int input : step.inputs) all += " (" + value(input) + ")";
  all += " -> (" + value(step.output) + ")";
  if (step.residual >= 0) all += " + " + std::to_string(step.residual);
  return text(all, {{"h", w.height},
                    {"w", w.width},
                    {"stride_y", w.stride_y},
                    {"stride_x", w.stride_x},
                    {"dilation_y", w.dilation_y},
                    {"dilation_x", w.dilation_x},
                    {"top", w.top},
                    {"left", w.left},
                    {"bottom", w.bottom},
                    {"right", w.right},
                    {"ceil", step.ceil},
                    {"edges", step.edges},
                    {"through", step.through},
                    {"to_h", step.resize.height},
                    {"to_w", step.resize.width},
                    {"scale_y", step.resize.scale_y},
                    {"scale_x", step.resize.scale_x},
                    {"coordinates", double(step.resize.coordinates)},
                    {"by", double(step.resize.interpolation)}});
}

}  // namespace rmbg::net
