// Convolutions tap by tap: any window, stride and padding.
#include <algorithm>

#include "net/executor.hpp"

namespace rmbg::net {
namespace {

// The rows of taps of output row y that lie inside the input.
Taps taps_of(int y, int height, const Window& window) {
  const std::int64_t from = std::int64_t{y} * window.stride_y - window.top;
  int first = 0, end = window.height;
  while (first < end && from + std::int64_t{first} * window.dilation_y < 0) ++first;
  while (end > first && from + std::int64_t{end - 1} * window.dilation_y >= height) --end;
  return {first, end - first};
}

// The input at the first tap that the output pixel `at` sees.
Span span_of(const float* data, const Value& value, const Shape& shape, const Window& window, const Tile& at, Taps rows,
             int column) {
  const bool blocked = value.layout == Layout::blocked;
  const std::ptrdiff_t pixel = blocked ? kBlock : 1;
  const std::ptrdiff_t row = shape.width * pixel;
  const std::ptrdiff_t plane = shape.height * row;
  const std::ptrdiff_t planes = blocked ? blocks_of(value.channels) : value.channels;
  // Where no tap is seen there is nothing to point at.
  const std::ptrdiff_t in_y = rows.count > 0 ? std::ptrdiff_t{at.y} * window.stride_y - window.top +
                                                   std::ptrdiff_t{rows.first} * window.dilation_y
                                             : 0;
  const std::ptrdiff_t in_x =
      std::ptrdiff_t{at.x} * window.stride_x - window.left + std::ptrdiff_t{column} * window.dilation_x;

  Span span{};
  span.data = data + at.image * planes * plane + in_y * row + in_x * pixel;
  span.groups = blocked ? static_cast<int>(planes) : 1;
  span.lanes = blocked ? kBlock : value.channels;
  span.group = plane;
  span.lane = blocked ? 1 : plane;
  span.row = window.dilation_y * row;
  span.column = window.dilation_x * pixel;
  span.pixel = window.stride_x * pixel;
  return span;
}

}  // namespace

void Run::fill_spans(const Step& step, const Tile& pixel, Taps rows, int column, Span* spans) const {
  for (const int input : step.inputs) {
    *spans++ = span_of(read(input), value(input), allocation(input).shape, step.window, pixel, rows, column);
  }
}

void Run::convolve_direct(const Step& step, const Ready& ready) {
  const Window& window = step.window;
  const int taps = window.height * window.width;
  const Shape in_shape = allocation(step.inputs[0]).shape;
  const Shape out_shape = allocation(step.output).shape;
  const int channels = value(step.output).channels;
  const int output_blocks = blocks_of(channels);
  const bool planar = value(step.output).layout == Layout::planar;  // then there is one block of outputs
  const auto depth = static_cast<std::ptrdiff_t>(depth_of(plan_, step));
  const std::ptrdiff_t weight_block = depth * taps * kBlock;
  const std::ptrdiff_t out_block = std::ptrdiff_t{out_shape.height} * out_shape.width * kBlock;
  float* const out = write(step.output);
  const float* const residual = step.residual >= 0 ? read(step.residual) : nullptr;

  const int pairs = (output_blocks + 1) / 2;
  const std::size_t rows = static_cast<std::size_t>(out_shape.batch) * static_cast<std::size_t>(out_shape.height);
  share(rows * static_cast<std::size_t>(pairs), [&](std::size_t index, std::size_t worker) {
    const int k = static_cast<int>(index % static_cast<std::size_t>(pairs)) * 2;
    const int line = static_cast<int>(index / static_cast<std::size_t>(pairs));
    const int image = line / out_shape.height;
    const int y = line % out_shape.height;
    const Taps seen = taps_of(y, in_shape.height, window);

    float* const lanes = scratch<float>(worker);
    Span* const spans = reinterpret_cast<Span*>(lanes + kRow);
    Direct job{};
    job.spans = spans;
    job.span_count = static_cast<int>(step.inputs.size());
    job.taps = taps;
    job.weight_block = weight_block;
    job.weight_row = std::ptrdiff_t{window.width} * kBlock;
    job.rows = seen.count;
    job.outputs = std::min(2, output_blocks - k);
    job.out_block = out_block;
    const float* weights = buffers_.weights + step.weights + k * weight_block + seen.first * job.weight_row;
    const float* const biases = buffers_.weights + step.bias + k * kBlock;
    const int row_place = y == 0 ? 0 : y + 1 < out_shape.height ? 1 : 2;
    const std::ptrdiff_t line_at =
        (std::ptrdiff_t{image} * output_blocks + k) * out_block + std::ptrdiff_t{y} * out_shape.width * kBlock;
    for (const Segment& segment : ready.segments) {
      fill_spans(step, {image, y, segment.first}, seen, segment.tap, spans);
      const std::ptrdiff_t at = line_at + std::ptrdiff_t{segment.first} * kBlock;
      const int column_place = segment.first == 0 ? 0 : segment.first + 1 < out_shape.width ? 1 : 2;
      const int place = step.edges ? row_place * 3 + column_place : 0;
      job.weights = weights + segment.tap * kBlock + place * output_blocks * weight_block;
      job.columns = segment.taps;
      job.pixels = segment.count;
      job.out = planar ? lanes : out + at;
      for (int i = 0; i < job.outputs; ++i) {
        job.finish[i] = {biases + (place * output_blocks + i) * kBlock, step.first,
                         residual ? residual + at + i * out_block : nullptr, step.second};
      }
      kernels_.direct(job);
      if (!planar) continue;
      for (int c = 0; c < channels; ++c) {
        float* const row =
            out + ((std::ptrdiff_t{image} * channels + c) * out_shape.height + y) * out_shape.width + segment.first;
        for (int p = 0; p < segment.count; ++p) row[p] = lanes[p * kBlock + c];
      }
    }
  });
}

void Run::convolve_to_planes(const Step& step, const Ready& ready) {
  const Window& window = step.window;
  const Shape in_shape = allocation(step.inputs[0]).shape;
  const Shape out_shape = allocation(step.output).shape;
  const int channels = value(step.output).channels;
  const auto depth = static_cast<std::ptrdiff_t>(depth_of(plan_, step));
  const std::ptrdiff_t a_channel = depth * window.height * window.width;
  float* const out = write(step.output);

  const std::size_t rows = static_cast<std::size_t>(out_shape.batch) * static_cast<std::size_t>(out_shape.height);
  share(rows, [&](std::size_t index, std::size_t worker) {
    const int line = static_cast<int>(index);
    const int image = line / out_shape.height;
    const int y = line % out_shape.height;
    const Taps seen = taps_of(y, in_shape.height, window);

    Span* const spans = scratch<Span>(worker);
    Dot job{};
    job.spans = spans;
    job.span_count = static_cast<int>(step.inputs.size());
    job.weight_column = depth;
    job.weight_row = window.width * depth;
    job.rows = seen.count;
    job.clamp = step.first;
    for (const Segment& segment : ready.segments) {
      fill_spans(step, {image, y, segment.first}, seen, segment.tap, spans);
      job.columns = segment.taps;
      job.pixels = segment.count;
      for (int k = 0; k < channels; ++k) {
        job.weights =
            buffers_.weights + step.weights + k * a_channel + seen.first * job.weight_row + segment.tap * depth;
        job.bias = buffers_.weights[step.bias + static_cast<std::size_t>(k)];
        job.out =
            out + ((std::ptrdiff_t{image} * channels + k) * out_shape.height + y) * out_shape.width + segment.first;
        kernels_.dot(job);
      }
    }
  });
}

}  // namespace rmbg::net
