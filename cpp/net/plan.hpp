// A network as a flat list of steps over numbered values: what prepare makes of a graph, and what the executor runs.
#pragma once

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
  Clamp first, second;  // convolution; deformable has the first alone, add the second
  int residual = -1;    // convolution: a value, or none
  float scale = 1;      // sigmoid: what it is multiplied by
  Resize resize{};
};

// Weights of a convolution, in floats; C' is the sum over the inputs of the channels, those of a blocked one padded
// to 16.
//   to a blocked output: [K/16][C'][taps][16], bias [K/16][16];
//   to a planar output:  [K][taps][C'], bias [K].
// Those of a deformable one: [K/16][taps][C'][16], C' of its source alone, bias [K/16][16].
struct Plan {
  std::vector<Value> values;
  std::vector<int> inputs;   // planar
  std::vector<int> outputs;  // planar
  std::vector<Step> steps;
};

inline constexpr std::int64_t kPlanVersion = 2;

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

}  // namespace rmbg::net
