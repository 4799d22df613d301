// A 3x3 convolution of stride 1 by Winograd's method. A job takes some tiles and some outputs all the way: it transforms
// the weights (raw ones are nine floats, so that memory holds and moves those) and the inputs, multiplies, transforms
// back. What it works on stays in the second-level cache; nothing is shared but the weights of layers with many tiles.
//
// Layouts, of P products (36 or 64):
//   weights  [output block][input block][P][16 c][16 k]
//   inputs   [tile group][input block][P][12 tiles][16 c]
//   products [tile group][output block][P][12 tiles][16 k]
#include <algorithm>

#include "net/executor.hpp"

namespace rmbg::net {
namespace {

constexpr std::ptrdiff_t kSquare = kBlock * kBlock;
constexpr std::ptrdiff_t kRow = kTiles * kBlock;

// A block of 16 channels of one input of the convolution.
struct Source {
  const float* data;  // of the first image
  std::ptrdiff_t image;
  std::ptrdiff_t block_floats;
  int height, width;    // as the convolution sees it
  int stored_width;     // as it lies in memory
  const Sample* rows;   // null: it lies there as it is seen
  const Sample* columns;
};

class Job {
 public:
  Job(const Kernels& kernels, Winograd variant, const Window& window)
      : kernels_(kernels),
        variant_(variant),
        side_(kPatchSide[variant]),
        dilation_(window.dilation_y),
        top_(window.top),
        left_(window.left) {}

  void transform_input(const Source& source, const Tile& tile, float* products) const {
    const int y = tile.y - top_;
    const int x = tile.x - left_;
    const float* image = source.data + tile.image * source.image;
    Patch patch{};
    patch.top = first_inside(y);
    patch.bottom = end_inside(y, source.height);
    patch.left = first_inside(x);
    patch.right = end_inside(x, source.width);
    if (source.rows) {
      alignas(64) float buffer[kPatch * kPatch * kBlock];
      sample(source, image, y, x, patch, buffer);
      patch.data = buffer;
      patch.row = kPatch * kBlock;
      patch.column = kBlock;
      kernels_.winograd_input[variant_](patch, products, kRow);
    } else {
      const std::ptrdiff_t row = std::ptrdiff_t{source.width} * kBlock;
      patch.data = image + y * row + std::ptrdiff_t{x} * kBlock;
      patch.row = row * dilation_;
      patch.column = std::ptrdiff_t{dilation_} * kBlock;
      kernels_.winograd_input[variant_](patch, products, kRow);
    }
  }

 private:
  int first_inside(int at) const { return at >= 0 ? 0 : (dilation_ - 1 - at) / dilation_; }
  int end_inside(int at, int size) const { return std::min(side_, at >= size ? 0 : (size - at + dilation_ - 1) / dilation_); }

  void sample(const Source& source, const float* image, int y, int x, const Patch& patch, float* buffer) const {
    if (patch.left >= patch.right) return;
    Sample columns[kPatch];
    for (int i = patch.left; i < patch.right; ++i) columns[i] = source.columns[x + i * dilation_];
    const std::ptrdiff_t stored_row = std::ptrdiff_t{source.stored_width} * kBlock;
    for (int i = patch.top; i < patch.bottom; ++i) {
      const Sample row = source.rows[y + i * dilation_];
      kernels_.sample(image + row.low * stored_row, image + row.high * stored_row, row.weight, columns + patch.left,
                      patch.right - patch.left, buffer + (i * kPatch + patch.left) * kBlock);
    }
  }

  const Kernels& kernels_;
  const Winograd variant_;
  const int side_, dilation_, top_, left_;
};

}  // namespace

void Run::convolve_winograd(const Step& step, const Ready& ready) {
  const Winograd variant = ready.winograd;
  const std::ptrdiff_t products = kProducts[variant];
  const Cut& cut = ready.cut;

  std::vector<Source> sources;
  for (const int input : step.inputs) {
    const int seen = resolve(input);
    const Shape shape = place(seen).shape;
    Source source{nullptr, 0, 0, shape.height, shape.width, shape.width, nullptr, nullptr};
    int stored = seen;
    if (place(seen).home == Home::view) {
      const std::size_t view = place(seen).at;
      stored = plan_.steps[view].inputs[0];
      source.rows = schedule_.steps[view].rows.data();
      source.columns = schedule_.steps[view].columns.data();
    }
    const Shape lies = place(resolve(stored)).shape;
    const int blocks = blocks_of(value(seen).channels);
    source.stored_width = lies.width;
    source.block_floats = std::ptrdiff_t{lies.height} * lies.width * kBlock;
    source.image = source.block_floats * blocks;
    for (int block = 0; block < blocks; ++block) {
      source.data = read(stored) + block * source.block_floats;
      sources.push_back(source);
    }
  }

  const int input_blocks = static_cast<int>(sources.size());
  const int output_blocks = blocks_of(value(step.output).channels);
  const float* taps = buffers_.weights + step.weights;
  const auto transform_weights = [&](int output, int input, float* to) {
    const std::ptrdiff_t index = std::ptrdiff_t{output} * input_blocks + input;
    kernels_.winograd_weights[variant](taps + index * 9 * kSquare, to);
  };
  float* const shared = buffers_.arena + ready.shared_weights;
  if (cut.shared) {
    share(static_cast<std::size_t>(output_blocks) * static_cast<std::size_t>(input_blocks), [&](std::size_t i, std::size_t) {
      const int index = static_cast<int>(i);
      transform_weights(index / input_blocks, index % input_blocks, shared + index * products * kSquare);
    });
  }

  const Shape out_shape = place(step.output).shape;
  const std::ptrdiff_t out_row = std::ptrdiff_t{out_shape.width} * kBlock;
  const std::ptrdiff_t out_block = out_shape.height * out_row;
  float* const out = write(step.output);
  const float* const residual = step.residual >= 0 ? read(step.residual) : nullptr;
  const int dilation = step.window.dilation_y;
  const int tile_side = kTileSide[variant];

  const Step* pool = ready.pooled >= 0 ? &plan_.steps[static_cast<std::size_t>(ready.pooled)] : nullptr;
  const Shape pool_shape = pool ? place(pool->output).shape : Shape{};
  float* const pooled = pool ? write(pool->output) : nullptr;

  const Job work(kernels_, variant, step.window);
  const std::size_t a_job = static_cast<std::size_t>(cut.tile_groups) * kTiles;
  const std::size_t tile_jobs = (ready.tiles.size() + a_job - 1) / a_job;
  const std::size_t output_jobs = static_cast<std::size_t>((output_blocks + cut.outputs - 1) / cut.outputs);

  share(tile_jobs * output_jobs, [&](std::size_t index, std::size_t worker) {
    const std::size_t tile_begin = index / output_jobs * a_job;
    const int tile_count = static_cast<int>(std::min(a_job, ready.tiles.size() - tile_begin));
    const Tile* tiles = ready.tiles.data() + tile_begin;
    const int output_begin = static_cast<int>(index % output_jobs) * cut.outputs;
    const int outputs = std::min(cut.outputs, output_blocks - output_begin);

    float* const sums = scratch<float>(worker);
    float* const inputs = sums + std::ptrdiff_t{cut.tile_groups} * cut.outputs * products * kRow;
    float* const own_weights = inputs + std::ptrdiff_t{cut.tile_groups} * cut.inputs * products * kRow;

    for (int input_begin = 0; input_begin < input_blocks; input_begin += cut.inputs) {
      const int count = std::min(cut.inputs, input_blocks - input_begin);
      for (int i = 0; i < count; ++i) {
        for (int t = 0; t < tile_count; ++t) {
          float* to = inputs + (std::ptrdiff_t{t / kTiles} * count + i) * products * kRow + t % kTiles * kBlock;
          work.transform_input(sources[static_cast<std::size_t>(input_begin + i)], tiles[t], to);
        }
      }
      const float* weights = own_weights;
      std::ptrdiff_t weight_output = count * products * kSquare;
      if (cut.shared) {
        weight_output = input_blocks * products * kSquare;
        weights = shared + output_begin * weight_output + input_begin * products * kSquare;
      } else {
        for (int k = 0; k < outputs; ++k) {
          for (int i = 0; i < count; ++i) {
            transform_weights(output_begin + k, input_begin + i, own_weights + (k * count + i) * products * kSquare);
          }
        }
      }

      Multiply product{};
      product.input_group = count * products * kRow;
      product.input_block = products * kRow;
      product.weight_block = products * kSquare;
      product.weight_output = weight_output;
      product.product_group = outputs * products * kRow;
      product.product_output = products * kRow;
      product.tiles = tile_count;
      product.blocks = count;
      product.outputs = outputs;
      product.add = input_begin > 0;
      for (std::ptrdiff_t f = 0; f < products; ++f) {
        product.inputs = inputs + f * kRow;
        product.weights = weights + f * kSquare;
        product.products = sums + f * kRow;
        kernels_.multiply(product);
      }
    }

    for (int t = 0; t < tile_count; ++t) {
      const Tile& tile = tiles[t];
      const int rows = std::min(tile_side, (out_shape.height - tile.y + dilation - 1) / dilation);
      const int columns = std::min(tile_side, (out_shape.width - tile.x + dilation - 1) / dilation);
      for (int k = 0; k < outputs; ++k) {
        const std::ptrdiff_t block = std::ptrdiff_t{tile.image} * output_blocks + output_begin + k;
        const std::ptrdiff_t at = block * out_block + tile.y * out_row + std::ptrdiff_t{tile.x} * kBlock;
        const float* bias = buffers_.weights + step.bias + (output_begin + k) * kBlock;
        const Finish finish{bias, step.first, residual ? residual + at : nullptr, step.second};
        const float* from =
            sums + (std::ptrdiff_t{t / kTiles} * outputs + k) * products * kRow + std::ptrdiff_t{t % kTiles} * kBlock;
        kernels_.winograd_output[variant](from, kRow, finish, out + at, out_row * dilation, std::ptrdiff_t{dilation} * kBlock,
                                          rows, columns);
        if (!pool) continue;
        const int pool_x = tile.x / 2;
        const int pool_columns = std::min(tile_side / 2, pool_shape.width - pool_x);
        for (int y = 0; y < rows; y += 2) {
          const int pool_y = (tile.y + y) / 2;
          if (pool_y >= pool_shape.height || pool_columns < 1) break;
          float* to = pooled + ((block * pool_shape.height + pool_y) * pool_shape.width + pool_x) * kBlock;
          kernels_.max_pool(out + at + y * out_row, out_row, std::min(2, rows - y), columns, 2, 2, 0, to, pool_columns);
        }
      }
    }
  });
}

}  // namespace rmbg::net
