// Convolutions tap by tap: any window, stride and padding. Those of one tap, 1x1 of stride 1, are a product of matrices: a
// job packs its pixels first, and then goes through all outputs with them.
//
// Layout:
//   packed   [12-pixel group][input block][12 pixels][16 c]
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

// In the values, the blocks of a pixel lie a whole plane apart, often a power of two of bytes: they would push each other
// out of the cache, and each pair of output blocks would fetch them anew.
void Run::convolve_pixels(const Step& step, const Ready& ready) {
  const Shape shape = allocation(step.output).shape;
  const std::ptrdiff_t plane = std::ptrdiff_t{shape.height} * shape.width;
  const int output_blocks = blocks_of(value(step.output).channels);
  const auto depth = static_cast<std::ptrdiff_t>(depth_of(plan_, step));
  const std::ptrdiff_t pixels_a_job = std::ptrdiff_t{ready.cut.tile_groups} * kTiles;
  const auto jobs_an_image = static_cast<std::size_t>((plane + pixels_a_job - 1) / pixels_a_job);
  float* const out = write(step.output);
  const float* const residual = step.residual >= 0 ? read(step.residual) : nullptr;

  share(static_cast<std::size_t>(shape.batch) * jobs_an_image, [&](std::size_t index, std::size_t worker) {
    const auto image = static_cast<std::ptrdiff_t>(index / jobs_an_image);
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(index % jobs_an_image) * pixels_a_job;
    const std::ptrdiff_t end = std::min(first + pixels_a_job, plane);
    const auto count_at = [&](std::ptrdiff_t pixel) { return std::min<std::ptrdiff_t>(kTiles, end - pixel); };
    float* const packed = scratch<float>(worker);

    std::ptrdiff_t block = 0;
    for (const int input : step.inputs) {
      const int blocks = blocks_of(value(input).channels);
      const float* from = read(input) + image * blocks * plane * kBlock;
      for (int b = 0; b < blocks; ++b, ++block, from += plane * kBlock) {
        float* to = packed + block * kRow;
        for (std::ptrdiff_t pixel = first; pixel < end; pixel += kTiles, to += depth * kTiles) {
          std::copy_n(from + pixel * kBlock, count_at(pixel) * kBlock, to);
        }
      }
    }

    Span span{};
    span.groups = static_cast<int>(block);
    span.lanes = kBlock;
    span.group = kRow;
    span.lane = 1;
    span.pixel = kBlock;
    Direct job{};
    job.spans = &span;
    job.span_count = job.rows = job.columns = job.taps = 1;
    job.weight_block = depth * kBlock;
    job.out_block = plane * kBlock;
    for (int k = 0; k < output_blocks; k += 2) {
      job.outputs = std::min(2, output_blocks - k);
      job.weights = buffers_.weights + step.weights + k * job.weight_block;
      span.data = packed;
      for (std::ptrdiff_t pixel = first; pixel < end; pixel += kTiles, span.data += depth * kTiles) {
        const std::ptrdiff_t at = (image * output_blocks + k) * job.out_block + pixel * kBlock;
        job.pixels = static_cast<int>(count_at(pixel));
        job.out = out + at;
        for (int i = 0; i < job.outputs; ++i) {
          job.finish[i] = {buffers_.weights + step.bias + (k + i) * kBlock, step.first,
                           residual ? residual + at + i * job.out_block : nullptr, step.second};
        }
        kernels_.direct(job);
      }
    }
  });
}

void Run::convolve_direct(const Step& step, const Ready& ready) {
  if (ready.cut.tile_groups > 0) return convolve_pixels(step, ready);
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
