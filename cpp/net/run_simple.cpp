// The steps that only move, compare, blend or scale values: one row or one block of one image is a job.
#include <algorithm>

#include "net/executor.hpp"

namespace rmbg::net {

void Run::max_pool(const Step& step) {
  const Window& window = step.window;
  const Shape in = allocation(step.inputs[0]).shape;
  const Shape out = allocation(step.output).shape;
  const float* from = read(step.inputs[0]);
  float* to = write(step.output);
  const std::ptrdiff_t row = std::ptrdiff_t{in.width} * kBlock;
  const std::size_t blocks =
      static_cast<std::size_t>(in.batch) * static_cast<std::size_t>(blocks_of(value(step.output).channels));
  share(blocks * static_cast<std::size_t>(out.height), [&](std::size_t index, std::size_t) {
    const std::ptrdiff_t block = static_cast<std::ptrdiff_t>(index) / out.height;
    const int y = static_cast<int>(static_cast<std::ptrdiff_t>(index) % out.height);
    const int first = y * window.stride_y - window.top;
    const int begin = std::max(first, 0);
    const int end = std::min(first + window.height, in.height);
    kernels_.max_pool(from + (block * in.height + begin) * row, row, end - begin, in.width, window.width,
                      window.stride_x, -window.left, to + static_cast<std::ptrdiff_t>(index) * out.width * kBlock,
                      out.width);
  });
}

void Run::resize(const Step& step, const Ready& ready) {
  const Shape in = allocation(step.inputs[0]).shape;
  const Shape out = allocation(step.output).shape;
  const float* from = read(step.inputs[0]);
  float* to = write(step.output);
  const Value& what = value(step.output);
  const bool blocked = what.layout == Layout::blocked;
  const std::ptrdiff_t pixel = blocked ? kBlock : 1;
  const std::ptrdiff_t row = in.width * pixel;
  const std::size_t planes =
      static_cast<std::size_t>(in.batch) * static_cast<std::size_t>(blocked ? blocks_of(what.channels) : what.channels);
  share(planes * static_cast<std::size_t>(out.height), [&](std::size_t index, std::size_t worker) {
    const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(index) / out.height;
    const Lerp& lerp = ready.rows[index % static_cast<std::size_t>(out.height)];
    const float* in_plane = from + plane * in.height * row;
    float* line = to + static_cast<std::ptrdiff_t>(index) * out.width * pixel;
    float* between = scratch<float>(worker);
    if (blocked) {
      kernels_.sample(in_plane, row, &lerp, 1, ready.columns.data(), out.width, between, line, 0);
    } else {
      kernels_.sample_plane(in_plane + lerp.low * row, in_plane + lerp.high * row, lerp.weight, in.width,
                            ready.columns.data(), out.width, between, line);
    }
  });
}

void Run::add(const Step& step) {
  const Shape shape = allocation(step.output).shape;
  const float* a = read(step.inputs[0]);
  const float* b = read(step.inputs[1]);
  float* to = write(step.output);
  const std::ptrdiff_t row = std::ptrdiff_t{shape.width} * (value(step.output).layout == Layout::blocked ? kBlock : 1);
  const std::size_t rows = floats_of(shape, value(step.output)) / static_cast<std::size_t>(row);
  share(rows, [&](std::size_t index, std::size_t) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(index) * row;
    kernels_.add(a + at, b + at, step.second, to + at, row);
  });
}

void Run::pack(const Step& step) {
  const Shape shape = allocation(step.output).shape;
  const int channels = value(step.output).channels;
  const int blocks = blocks_of(channels);
  const float* from = read(step.inputs[0]);
  float* to = write(step.output);
  const std::ptrdiff_t plane = std::ptrdiff_t{shape.height} * shape.width;
  share(static_cast<std::size_t>(shape.batch) * static_cast<std::size_t>(blocks), [&](std::size_t index, std::size_t) {
    const int image = static_cast<int>(index) / blocks;
    const int first = static_cast<int>(index) % blocks * kBlock;
    const int lanes = std::min(kBlock, channels - first);
    const float* planes = from + (std::ptrdiff_t{image} * channels + first) * plane;
    float* block = to + static_cast<std::ptrdiff_t>(index) * plane * kBlock;
    for (std::ptrdiff_t pixel = 0; pixel < plane; ++pixel) {
      for (int lane = 0; lane < kBlock; ++lane) {
        block[pixel * kBlock + lane] = lane < lanes ? planes[lane * plane + pixel] : 0.0f;
      }
    }
  });
}

void Run::unpack(const Step& step) {
  const Shape shape = allocation(step.output).shape;
  const int all_channels = value(step.output).channels;
  float* const to = write(step.output);
  const std::ptrdiff_t plane = std::ptrdiff_t{shape.height} * shape.width;
  int before = 0;
  for (const int input : step.inputs) {
    const int channels = value(input).channels;
    const int blocks = blocks_of(channels);
    const float* from = read(input);
    share(static_cast<std::size_t>(shape.batch) * static_cast<std::size_t>(blocks),
          [&](std::size_t index, std::size_t) {
            const int image = static_cast<int>(index) / blocks;
            const int first = static_cast<int>(index) % blocks * kBlock;
            const int lanes = std::min(kBlock, channels - first);
            const float* block = from + static_cast<std::ptrdiff_t>(index) * plane * kBlock;
            float* planes = to + (std::ptrdiff_t{image} * all_channels + before + first) * plane;
            for (int lane = 0; lane < lanes; ++lane) {
              for (std::ptrdiff_t pixel = 0; pixel < plane; ++pixel)
                planes[lane * plane + pixel] = block[pixel * kBlock + lane];
            }
          });
    before += channels;
  }
}

void Run::sigmoid(const Step& step) {
  const Shape shape = allocation(step.output).shape;
  const float* from = read(step.inputs[0]);
  float* to = write(step.output);
  const int channels = value(step.output).channels;
  const std::size_t blocks = static_cast<std::size_t>(blocks_of(channels));
  const auto height = static_cast<std::size_t>(shape.height);
  share(static_cast<std::size_t>(shape.batch) * blocks * height, [&](std::size_t index, std::size_t) {
    float scale[kBlock];  // 0 where a channel fills up the last block
    const int first = static_cast<int>(index / height % blocks) * kBlock;
    for (int lane = 0; lane < kBlock; ++lane) scale[lane] = first + lane < channels ? step.scale : 0.0f;
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(index) * shape.width * kBlock;
    kernels_.sigmoid(from + at, scale, to + at, shape.width);
  });
}

void Run::gate(const Step& step) {
  const Shape shape = allocation(step.output).shape;
  const float* from = read(step.inputs[0]);
  const float* factors = read(step.inputs[1]);
  float* to = write(step.output);
  const auto blocks = static_cast<std::size_t>(blocks_of(value(step.output).channels));
  const auto height = static_cast<std::size_t>(shape.height);
  share(static_cast<std::size_t>(shape.batch) * blocks * height, [&](std::size_t index, std::size_t) {
    const std::size_t line = index / (blocks * height) * height + index % height;  // of the one channel
    const std::ptrdiff_t row = std::ptrdiff_t{shape.width} * kBlock;
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(index) * row;
    kernels_.gate(from + at, factors + static_cast<std::ptrdiff_t>(line) * row, to + at, shape.width);
  });
}

// Row by row first: a sum over all pixels at once would round far more.
void Run::mean(const Step& step) {
  const Shape in = allocation(step.inputs[0]).shape;
  const float* from = read(step.inputs[0]);
  float* to = write(step.output);
  const std::ptrdiff_t row = std::ptrdiff_t{in.width} * kBlock;
  const auto blocks =
      static_cast<std::size_t>(in.batch) * static_cast<std::size_t>(blocks_of(value(step.output).channels));
  share(blocks, [&](std::size_t block, std::size_t worker) {
    float* rows = scratch<float>(worker);
    const float* first = from + static_cast<std::ptrdiff_t>(block) * in.height * row;
    for (int y = 0; y < in.height; ++y) kernels_.sum(first + y * row, kBlock, in.width, 1.0f, rows + y * kBlock);
    const float pixels = static_cast<float>(in.height) * static_cast<float>(in.width);
    kernels_.sum(rows, kBlock, in.height, 1.0f / pixels, to + static_cast<std::ptrdiff_t>(block) * kBlock);
  });
}

}  // namespace rmbg::net
