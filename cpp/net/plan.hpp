// A network as a flat list of steps over numbered values: what prepare makes of a graph, and what the executor runs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "net/kernels.hpp"

namespace rmbg::net {

enum class Layout { planar, blocked };

struct Value {
  Layout layout;
  int channels;
};

enum class StepKind { convolution, max_pool, resize, add, pack, unpack, deformable, sigmoid, gate, mean };

struct Window {
  int height, width;
  int stride_y, stride_x;
  int dilation_y, dilation_x;
  int top, left, bottom, right;  // padding
};

// ONNX Resize's coordinate_transformation_mode, and nearest_mode for `nearest`.
enum class Coordinates { half_pixel, pytorch_half_pixel, align_corners, asymmetric };
enum class Interpolation { linear, nearest_round_prefer_floor, nearest_round_prefer_ceil, nearest_floor, nearest_ceil };

struct Resize {
  int height, width;        // of the output; 0: by scale
  double scale_y, scale_x;  // of the output to the input; 0: by size
  Coordinates coordinates;
  Interpolation interpolation;
};

struct Step {
  StepKind kind;
  // Values. A convolution and unpack take several, as if concatenated along the channels. A deformable convolution
  // takes its source, then in as many values as there are 2 * taps channels of offsets, y and x of each tap, and `taps`
  // of modulators, or none. A gate takes a map and one channel to multiply all of its by.
  std::vector<int> inputs;
  int output;

  Window window{};        // convolution, deformable, max_pool
  bool ceil = false;      // max_pool: ONNX ceil_mode
  std::size_t weights{};  // convolution, deformable: where its weights and bias begin among those of the plan
  std::size_t bias{};
  Clamp first, second;  // convolution; a deformable one without an end has the first alone, add the second
  int residual = -1;    // convolution, the end of a deformable one: a value, or none
  // convolution: it stands for two in a row. What the second reads beyond the first one's output is 0, so that its
  // first and last rows and columns have weights of their own: there are nine sets of them and of biases, [3][3] of
  // rows and columns, each first, inside, last.
  bool edges = false;
  // deformable: its end, a 1x1 convolution of the `through` channels that it has then; 0: there is none.
  int through = 0;
  std::size_t end_weights{};
  std::size_t end_bias{};
  float scale = 1;  // sigmoid: what it is multiplied by
  Resize resize{};
};

// Weights of a convolution, in floats; C' is the sum over the inputs of the channels, those of a blocked one padded
// to 16.
//   to a blocked output, or between planes: [K/16][C'][taps][16], bias [K/16][16];
//   from blocked inputs to a planar output: [K][taps][C'], bias [K].
// Those of a deformable one: [K/16][taps][C'][16], C' of its source alone, bias [K/16][16]; those of its end as of any.
struct Plan {
  std::vector<Value> values;
  std::vector<int> inputs;   // planar
  std::vector<int> outputs;  // planar
  std::vector<Step> steps;
};

inline constexpr std::int64_t kPlanVersion = 3;

// Reads the numbers that prepare wrote (python/rmbg_fast/_graphs/network_plan.py has the same list of fields) and
// checks all that the executor relies on. Throws Error(model).
Plan decode(const std::int64_t* numbers, std::size_t count, std::size_t weight_count);

inline int blocks_of(int channels) { return (channels + kBlock - 1) / kBlock; }
inline int padded(const Value& value) {
  return value.layout == Layout::blocked ? blocks_of(value.channels) * kBlock : value.channels;
}
// The channels that a convolution sums over, those of blocked inputs padded: C' above.
inline std::size_t depth_of(const Plan& plan, const Step& step) {
  if (step.kind == StepKind::deformable)
    return static_cast<std::size_t>(padded(plan.values[static_cast<std::size_t>(step.inputs[0])]));
  std::size_t depth = 0;
  for (const int input : step.inputs)
    depth += static_cast<std::size_t>(padded(plan.values[static_cast<std::size_t>(input)]));
  return depth;
}

// Is it the dot products of blocked inputs that make a planar output? Between planes, blocks of outputs are summed.
inline bool sums_dots(const Plan& plan, const Step& step) {
  const auto planar = [&](int value) { return plan.values[static_cast<std::size_t>(value)].layout == Layout::planar; };
  return planar(step.output) && std::none_of(step.inputs.begin(), step.inputs.end(), planar);
}
// Sets of weights of a convolution.
inline int places_of(const Step& step) { return step.edges ? 9 : 1; }

}  // namespace rmbg::net
