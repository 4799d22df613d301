// The steps of a plan in double precision, straight from their definition.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "net/plan.hpp"
#include "net/schedule.hpp"

namespace rmbg::net {

struct Tensor {
  Shape shape{};
  int channels = 0;
  std::vector<double> data;  // planar

  Tensor() = default;
  Tensor(Shape of, int channel_count) : shape(of), channels(channel_count) {
    data.resize(std::size_t(of.batch) * std::size_t(channels) * std::size_t(of.height) * std::size_t(of.width));
  }
  double& at(int n, int c, int y, int x) {
    return data[std::size_t((std::ptrdiff_t{n} * channels + c) * shape.height + y) * std::size_t(shape.width) +
                std::size_t(x)];
  }
  const double& at(int n, int c, int y, int x) const { return const_cast<Tensor&>(*this).at(n, c, y, x); }
};

template <typename F>
void for_each(Tensor& tensor, const F& value) {
  double* to = tensor.data.data();
  for (int n = 0; n < tensor.shape.batch; ++n) {
    for (int c = 0; c < tensor.channels; ++c) {
      for (int y = 0; y < tensor.shape.height; ++y) {
        for (int x = 0; x < tensor.shape.width; ++x) *to++ = value(n, c, y, x);
      }
    }
  }
}

inline double clamped(double y, Clamp clamp) { return std::min(std::max(y, double{clamp.low}), double{clamp.high}); }

// Adds what one channel of the input, seen through one tap, gives to one channel of the output: the sums, and their
// squares.
inline void add_tap(const Window& w, int ty, int tx, const Tensor& in, int c, double weight, int n, int k, Tensor& sums,
                    Tensor& squares) {
  for (int y = 0; y < sums.shape.height; ++y) {
    const int in_y = y * w.stride_y - w.top + ty * w.dilation_y;
    if (in_y < 0 || in_y >= in.shape.height) continue;
    const double* row = &in.at(n, c, in_y, 0);
    double* sum = &sums.at(n, k, y, 0);
    double* square = &squares.at(n, k, y, 0);
    for (int x = 0; x < sums.shape.width; ++x) {
      const int in_x = x * w.stride_x - w.left + tx * w.dilation_x;
      if (in_x < 0 || in_x >= in.shape.width) continue;
      const double term = row[in_x] * weight;
      sum[x] += term;
      square[x] += term * term;
    }
  }
}

// `scale`: the largest sum, or root of its summed squares where its terms happen to cancel; errors are in proportion.
inline void plain_convolution(const Plan& plan, const float* weights, const Step& step,
                              const std::vector<Tensor>& values, Tensor& out, double& scale) {
  const Window& w = step.window;
  const int taps = w.height * w.width;
  const bool dots = sums_dots(plan, step);
  const int width = dots ? out.channels : blocks_of(out.channels) * kBlock;
  int depth = 0;
  for (const int input : step.inputs) depth += padded(plan.values[std::size_t(input)]);
  const auto weight = [&](int place, int k, int c, int tap) {
    const std::ptrdiff_t at = dots ? (std::ptrdiff_t{k} * taps + tap) * depth + c
                                   : ((std::ptrdiff_t{k / kBlock} * depth + c) * taps + tap) * kBlock + k % kBlock;
    return double{weights[std::ptrdiff_t(step.weights) + std::ptrdiff_t{place} * width * depth * taps + at]};
  };
  std::vector<Tensor> sums(std::size_t(places_of(step)), out), squares = sums;
  int before = 0;
  for (const int input : step.inputs) {
    const Tensor& in = values[std::size_t(input)];
    for (int n = 0; n < out.shape.batch; ++n) {
      for (int k = 0; k < out.channels; ++k) {
        for (int c = 0; c < in.channels; ++c) {
          for (int tap = 0; tap < taps; ++tap) {
            for (int place = 0; place < places_of(step); ++place) {
              add_tap(w, tap / w.width, tap % w.width, in, c, weight(place, k, before + c, tap), n, k,
                      sums[std::size_t(place)], squares[std::size_t(place)]);
            }
          }
        }
      }
    }
    before += padded(plan.values[std::size_t(input)]);
  }
  for_each(out, [&](int n, int k, int y, int x) {
    const auto along = [](int at, int size) { return at == 0 ? 0 : at + 1 < size ? 1 : 2; };
    const auto place = std::size_t(step.edges ? along(y, out.shape.height) * 3 + along(x, out.shape.width) : 0);
    const double sum = sums[place].at(n, k, y, x);
    scale = std::max({scale, std::abs(sum), std::sqrt(squares[place].at(n, k, y, x))});
    const double value =
        clamped(sum + double{weights[step.bias + place * std::size_t(width) + std::size_t(k)]}, step.first);
    if (step.residual < 0) return value;
    return clamped(value + values[std::size_t(step.residual)].at(n, k, y, x), step.second);
  });
}

inline void plain_max_pool(const Step& step, const Tensor& in, Tensor& out) {
  const Window& w = step.window;
  for_each(out, [&](int n, int c, int y, int x) {
    double most = -std::numeric_limits<double>::infinity();
    for (int in_y = y * w.stride_y - w.top; in_y < y * w.stride_y - w.top + w.height; ++in_y) {
      for (int in_x = x * w.stride_x - w.left; in_x < x * w.stride_x - w.left + w.width; ++in_x) {
        const bool inside = in_y >= 0 && in_y < in.shape.height && in_x >= 0 && in_x < in.shape.width;
        if (inside) most = std::max(most, in.at(n, c, in_y, in_x));
      }
    }
    return most;
  });
}

// One axis of ONNX Resize: two source pixels and the weight of the second.
struct Blend {
  int low, high;
  double weight;
};

inline Blend plain_blend(int at, int from, int to, double scale, const Resize& resize) {
  if (scale == 0) scale = double(to) / from;
  double position = (at + 0.5) / scale - 0.5;
  if (resize.coordinates == Coordinates::asymmetric) position = at / scale;
  if (resize.coordinates == Coordinates::align_corners) position = to == 1 ? 0 : at * double(from - 1) / (to - 1);
  if (resize.coordinates == Coordinates::pytorch_half_pixel && to == 1) position = 0;
  const double last = from - 1;
  if (resize.interpolation == Interpolation::linear) {
    position = std::min(std::max(position, 0.0), last);
    const double low = std::floor(position);
    return {int(low), int(std::min(low + 1, last)), position - low};
  }
  double nearest = std::floor(position);
  if (resize.interpolation == Interpolation::nearest_ceil) nearest = std::ceil(position);
  if (resize.interpolation == Interpolation::nearest_round_prefer_floor) nearest = std::ceil(position - 0.5);
  if (resize.interpolation == Interpolation::nearest_round_prefer_ceil) nearest = std::floor(position + 0.5);
  const int pixel = int(std::min(std::max(nearest, 0.0), last));
  return {pixel, pixel, 0};
}

inline void plain_resize(const Resize& resize, const Tensor& in, Tensor& out) {
  for_each(out, [&](int n, int c, int y, int x) {
    const Blend row = plain_blend(y, in.shape.height, out.shape.height, resize.scale_y, resize);
    const Blend column = plain_blend(x, in.shape.width, out.shape.width, resize.scale_x, resize);
    const auto across = [&](int at) {
      const double left = in.at(n, c, at, column.low);
      return left + (in.at(n, c, at, column.high) - left) * column.weight;
    };
    return across(row.low) + (across(row.high) - across(row.low)) * row.weight;
  });
}

// What lies between four pixels of a map; 0 a pixel or more outside of it.
inline double between(const Tensor& map, int n, int c, double y, double x) {
  if (!(y > -1 && x > -1 && y < map.shape.height && x < map.shape.width)) return 0;
  const int top = int(std::floor(y)), left = int(std::floor(x));
  double sum = 0;
  for (int i = 0; i < 4; ++i) {
    const int row = top + i / 2, column = left + i % 2;
    if (row < 0 || column < 0 || row >= map.shape.height || column >= map.shape.width) continue;
    const double down = i / 2 ? y - top : 1 - (y - top), across = i % 2 ? x - left : 1 - (x - left);
    sum += down * across * map.at(n, c, row, column);
  }
  return sum;
}

// ONNX DeformConv, `out` without an end. Positions are sums of float32.
inline void plain_deformable(const Plan& plan, const float* weights, const Step& step,
                             const std::vector<Tensor>& values, Tensor& out, double& scale) {
  const Window& w = step.window;
  const int taps = w.height * w.width;
  const Tensor& in = values[std::size_t(step.inputs[0])];
  const int depth = padded(plan.values[std::size_t(step.inputs[0])]);
  int channels = 0;
  for (std::size_t i = 1; i < step.inputs.size(); ++i) channels += values[std::size_t(step.inputs[i])].channels;
  const auto given = [&](int n, int c, int y, int x) {
    std::size_t i = 1;
    for (; c >= values[std::size_t(step.inputs[i])].channels; ++i) c -= values[std::size_t(step.inputs[i])].channels;
    return values[std::size_t(step.inputs[i])].at(n, c, y, x);
  };
  for_each(out, [&](int n, int k, int y, int x) {
    double sum = 0, squares = 0;
    for (int tap = 0; tap < taps; ++tap) {
      const int row = y * w.stride_y - w.top + tap / w.width * w.dilation_y;
      const int column = x * w.stride_x - w.left + tap % w.width * w.dilation_x;
      const float at_y = float(row) + float(given(n, 2 * tap, y, x));
      const float at_x = float(column) + float(given(n, 2 * tap + 1, y, x));
      const double modulator = channels > 2 * taps ? given(n, 2 * taps + tap, y, x) : 1;
      for (int c = 0; c < in.channels; ++c) {
        const std::ptrdiff_t at = ((std::ptrdiff_t{k / kBlock} * taps + tap) * depth + c) * kBlock + k % kBlock;
        const double term =
            between(in, n, c, at_y, at_x) * modulator * double{weights[std::ptrdiff_t(step.weights) + at]};
        sum += term;
        squares += term * term;
      }
    }
    scale = std::max({scale, std::abs(sum), std::sqrt(squares)});
    return clamped(sum + double{weights[step.bias + std::size_t(k)]}, step.first);
  });
}

// The 1x1 convolution behind a deformable one, its residual and its clamp.
inline void plain_end(const float* weights, const Step& step, const std::vector<Tensor>& values, const Tensor& in,
                      Tensor& out, double& scale) {
  const int depth = blocks_of(step.through) * kBlock;
  for_each(out, [&](int n, int k, int y, int x) {
    double sum = 0, squares = 0;
    for (int c = 0; c < in.channels; ++c) {
      const std::ptrdiff_t at = (std::ptrdiff_t{k / kBlock} * depth + c) * kBlock + k % kBlock;
      const double term = in.at(n, c, y, x) * double{weights[std::ptrdiff_t(step.end_weights) + at]};
      sum += term;
      squares += term * term;
    }
    scale = std::max({scale, std::abs(sum), std::sqrt(squares)});
    sum += double{weights[step.end_bias + std::size_t(k)]};
    if (step.residual >= 0) sum += values[std::size_t(step.residual)].at(n, k, y, x);
    return clamped(sum, step.second);
  });
}

inline void plain_mean(const Tensor& in, Tensor& out) {
  for_each(out, [&](int n, int c, int, int) {
    double sum = 0;
    for (int y = 0; y < in.shape.height; ++y) {
      for (int x = 0; x < in.shape.width; ++x) sum += in.at(n, c, y, x);
    }
    return sum / (double(in.shape.height) * in.shape.width);
  });
}

struct Plain {
  Tensor tensor;
  double scale;  // what its error is measured against
};

inline Plain plain_step(const Plan& plan, const float* weights, const Step& step, const std::vector<Tensor>& values,
                        const Shape& shape) {
  Plain out{Tensor(shape, plan.values[std::size_t(step.output)].channels), 1e-30};
  const auto input = [&](std::size_t i) -> const Tensor& { return values[std::size_t(step.inputs[i])]; };
  switch (step.kind) {
    case StepKind::convolution:
      plain_convolution(plan, weights, step, values, out.tensor, out.scale);
      break;
    case StepKind::max_pool:
      plain_max_pool(step, input(0), out.tensor);
      break;
    case StepKind::resize:
      plain_resize(step.resize, input(0), out.tensor);
      break;
    case StepKind::add:
      for_each(out.tensor, [&](int n, int c, int y, int x) {
        return clamped(input(0).at(n, c, y, x) + input(1).at(n, c, y, x), step.second);
      });
      break;
    case StepKind::pack:
      out.tensor = input(0);
      break;
    case StepKind::deformable:
      if (step.through > 0) {
        Tensor made(shape, step.through);
        plain_deformable(plan, weights, step, values, made, out.scale);
        plain_end(weights, step, values, made, out.tensor, out.scale);
      } else {
        plain_deformable(plan, weights, step, values, out.tensor, out.scale);
      }
      break;
    case StepKind::sigmoid:
      for_each(out.tensor, [&](int n, int c, int y, int x) {
        return double{step.scale} / (1 + std::exp(-input(0).at(n, c, y, x)));
      });
      break;
    case StepKind::gate:
      for_each(out.tensor,
               [&](int n, int c, int y, int x) { return input(0).at(n, c, y, x) * input(1).at(n, 0, y, x); });
      break;
    case StepKind::mean:
      for (const double value : input(0).data) out.scale = std::max(out.scale, std::abs(value));
      plain_mean(input(0), out.tensor);
      break;
    case StepKind::unpack:
      for_each(out.tensor, [&](int n, int c, int y, int x) {
        std::size_t i = 0;
        for (; c >= input(i).channels; ++i) c -= input(i).channels;
        return input(i).at(n, c, y, x);
      });
      break;
  }
  for (const double value : out.tensor.data) out.scale = std::max(out.scale, std::abs(value));
  return out;
}

}  // namespace rmbg::net
