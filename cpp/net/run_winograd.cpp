// A 3x3 or 7x7 convolution of stride 1 by Winograd's method. A job takes some tiles and some outputs all the way: it
// transforms the inputs and the weights, multiplies, transforms back. What it works on stays in the second-level cache.
// Weights lie in memory as they are in the model, nine floats for each pair of channels, and not as the 36 or 64 that
// they become: to transform them again for each run costs less than to read those. A 7x7 convolution is done as four of
// 4x4 (7 = 4 + 3) with four times the inputs, each block seen from four places 4 pixels apart.
//
// Layouts, of P products (36 or 64):
//   weights  [output block][input block][P][16 c][16 k], kWeightStride from one product to the next
//   inputs   [tile group][input block][P][12 tiles][16 c]
//   products [tile group][output block][P][12 tiles][16 k]
#include <algorithm>

#include "net/executor.hpp"

namespace rmbg::net {
namespace {

// A block of 16 channels of one input.
struct Source {
  int part;              // of a 7x7 window: which of its quarters it is seen by
  const float* data;     // of the first image
  std::ptrdiff_t image;  // floats between images
  int height, width;     // as the convolution sees it
  int stored_width;      // as it lies in memory
  const Lerp* rows;      // null: it lies there as it is seen
  const Lerp* columns;
};

struct Output {
  float* data;
  const float* residual;  // or null
  int height, width, blocks;
  int top;               // the row that `data` begins with, of every block
  std::ptrdiff_t plane;  // floats from one block to the next

  std::ptrdiff_t row() const { return std::ptrdiff_t{width} * kBlock; }
};

struct Pooled {
  float* data;  // or null
  int height, width;
};

// A range of blocks.
struct Blocks {
  int begin, count;
};

// The tiles of a job and its part of the scratch memory.
struct Work {
  const Tile* tiles;
  int tile_count;
  float* products;
  float* inputs;
  float* weights;
};

class WinogradRun {
 public:
  WinogradRun(const Kernels& kernels, const Step& step, const Ready& ready, const float* weights, float* shared_weights)
      : kernels_(kernels),
        step_(step),
        cut_(ready.cut),
        tiles_(ready.tiles.data()),
        tile_count_(ready.tiles.size()),
        variant_(ready.winograd),
        side_(kPatchSide[ready.winograd]),
        dilation_(step.window.dilation_y),
        products_(kProducts[ready.winograd]),
        parts_(kParts[ready.winograd]),
        taps_(weights + step.weights),
        bias_(weights + step.bias),
        shared_weights_(shared_weights) {}

  std::vector<Source> sources;  // the blocks of all inputs
  Output output{};
  Pooled pooled{};

  std::size_t jobs() const { return tile_jobs() * output_jobs(); }
  // From now on jobs are of these tiles alone.
  void take_tiles(const Tile* tiles, std::size_t count) {
    tiles_ = tiles;
    tile_count_ = count;
  }

  void run_job(std::size_t index, float* scratch) const {
    const std::size_t begin = index / output_jobs() * tiles_a_job();
    const std::ptrdiff_t groups = cut_.tile_groups;
    Work work{};
    work.tiles = tiles_ + begin;
    work.tile_count = static_cast<int>(std::min(tiles_a_job(), tile_count_ - begin));
    work.products = scratch;
    work.inputs = work.products + groups * cut_.pass * products_ * kRow;
    work.weights = work.inputs + groups * cut_.inputs * products_ * kRow;

    const int first = static_cast<int>(index % output_jobs()) * cut_.outputs;
    const int end = std::min(first + cut_.outputs, output.blocks);
    const int all_inputs = static_cast<int>(sources.size());
    for (int k = first; k < end; k += cut_.pass) {
      const Blocks outputs{k, std::min(cut_.pass, end - k)};
      for (int c = 0; c < all_inputs; c += cut_.inputs) {
        const Blocks inputs{c, std::min(cut_.inputs, all_inputs - c)};
        if (k == first) transform_inputs(inputs, work);  // a second pass finds them all there
        multiply(inputs, outputs, work);
      }
      transform_back(outputs, work);
    }
  }

  void transform_weights(int output_block, int input_block, float* to) const {
    const int side = step_.window.height;
    const std::ptrdiff_t pair = (output_block * static_cast<std::ptrdiff_t>(sources.size()) + input_block) / parts_;
    const float* const taps = taps_ + pair * side * side * kBlock * kBlock;
    if (parts_ == 1) return kernels_.winograd_weights[variant_](taps, to);
    alignas(64) float quarter[kBlock * kQuarter * kQuarter * kBlock];
    take_quarter(taps, input_block % parts_, quarter);
    kernels_.winograd_weights[variant_](quarter, to);
  }

 private:
  static constexpr int kQuarter = kWinogradTaps[F5];
  static constexpr int kWhole = 2 * kQuarter - 1;

  // [c][7 x 7][16] -> [c][4 x 4][16]: those of the part, 0 beyond the window.
  static void take_quarter(const float* taps, int part, float* quarter) {
    for (int c = 0; c < kBlock; ++c) {
      for (int i = 0; i < kQuarter * kQuarter; ++i, quarter += kBlock) {
        const int y = part / 2 * kQuarter + i / kQuarter, x = part % 2 * kQuarter + i % kQuarter;
        if (y < kWhole && x < kWhole) {
          std::copy_n(taps + ((c * kWhole + y) * kWhole + x) * kBlock, kBlock, quarter);
        } else {
          std::fill_n(quarter, kBlock, 0.0f);
        }
      }
    }
  }

  std::size_t tiles_a_job() const { return static_cast<std::size_t>(cut_.tile_groups) * kTiles; }
  std::size_t tile_jobs() const { return (tile_count_ + tiles_a_job() - 1) / tiles_a_job(); }
  std::size_t output_jobs() const {
    return static_cast<std::size_t>((output.blocks + cut_.outputs - 1) / cut_.outputs);
  }

  // Where tile t of block b lies among `count` blocks, of inputs or of products.
  std::ptrdiff_t place_of(int t, int b, int count) const {
    return (std::ptrdiff_t{t / kTiles} * count + b) * products_ * kRow + std::ptrdiff_t{t % kTiles} * kBlock;
  }

  void transform_inputs(Blocks blocks, const Work& work) const {
    for (int b = 0; b < blocks.count; ++b) {
      const Source& source = sources[static_cast<std::size_t>(blocks.begin) + static_cast<std::size_t>(b)];
      for (int t = 0; t < work.tile_count; ++t) {
        transform_input(source, work.tiles[t], work.inputs + place_of(t, b, blocks.count));
      }
    }
  }

  void transform_input(const Source& source, const Tile& tile, float* to) const {
    const int y = tile.y - step_.window.top + source.part / 2 * kQuarter * dilation_;
    const int x = tile.x - step_.window.left + source.part % 2 * kQuarter * dilation_;
    const float* image = source.data + tile.image * source.image;
    Patch patch{};
    patch.top = first_inside(y);
    patch.bottom = end_inside(y, source.height);
    patch.left = first_inside(x);
    patch.right = end_inside(x, source.width);
    if (source.rows) {
      alignas(64) float buffer[kPatch * kPatch * kBlock];
      sample(source, image, y, x, patch, buffer);
      patch.data = buffer + (patch.top * kPatch + patch.left) * kBlock;
      patch.row = kPatch * kBlock;
      patch.column = kBlock;
      kernels_.winograd_input[variant_](patch, to, kRow);
    } else {
      const std::ptrdiff_t row = std::ptrdiff_t{source.width} * kBlock;
      const bool empty = patch.top >= patch.bottom || patch.left >= patch.right;
      patch.data =
          empty ? image
                : image + (y + patch.top * dilation_) * row + std::ptrdiff_t{x + patch.left * dilation_} * kBlock;
      patch.row = row * dilation_;
      patch.column = std::ptrdiff_t{dilation_} * kBlock;
      kernels_.winograd_input[variant_](patch, to, kRow);
    }
  }

  int first_inside(int at) const { return at >= 0 ? 0 : (dilation_ - 1 - at) / dilation_; }
  int end_inside(int at, int size) const {
    return std::min(side_, at >= size ? 0 : (size - at + dilation_ - 1) / dilation_);
  }

  void sample(const Source& source, const float* image, int y, int x, const Patch& patch, float* buffer) const {
    if (patch.left >= patch.right) return;
    Lerp rows[kPatch], columns[kPatch];
    for (int i = patch.top; i < patch.bottom; ++i) rows[i] = source.rows[y + i * dilation_];
    for (int i = patch.left; i < patch.right; ++i) columns[i] = source.columns[x + i * dilation_];
    alignas(64) float between[2 * kPatch * kBlock];
    kernels_.sample(image, std::ptrdiff_t{source.stored_width} * kBlock, rows + patch.top, patch.bottom - patch.top,
                    columns + patch.left, patch.right - patch.left, between,
                    buffer + (patch.top * kPatch + patch.left) * kBlock, kPatch * kBlock);
  }

  void multiply(Blocks inputs, Blocks outputs, const Work& work) const {
    const std::ptrdiff_t pair = products_ * kWeightStride;
    Multiply job{};
    job.input_group = inputs.count * products_ * kRow;
    job.input_block = products_ * kRow;
    job.weight_block = pair;
    job.product_group = outputs.count * products_ * kRow;
    job.product_output = products_ * kRow;
    job.tiles = work.tile_count;
    job.blocks = inputs.count;
    job.outputs = outputs.count;
    job.add = inputs.begin > 0;
    const float* weights = work.weights;
    if (cut_.shared) {
      job.weight_output = static_cast<std::ptrdiff_t>(sources.size()) * pair;
      weights = shared_weights_ + outputs.begin * job.weight_output + inputs.begin * pair;
    } else {
      job.weight_output = inputs.count * pair;
      for (int k = 0; k < outputs.count; ++k) {
        for (int c = 0; c < inputs.count; ++c) {
          transform_weights(outputs.begin + k, inputs.begin + c, work.weights + (k * inputs.count + c) * pair);
        }
      }
    }
    for (std::ptrdiff_t f = 0; f < products_; ++f) {
      job.inputs = work.inputs + f * kRow;
      job.weights = weights + f * kWeightStride;
      job.products = work.products + f * kRow;
      kernels_.multiply(job);
    }
  }

  void transform_back(Blocks blocks, const Work& work) const {
    const std::ptrdiff_t row = output.row();
    for (int t = 0; t < work.tile_count; ++t) {
      const Tile& tile = work.tiles[t];
      const int rows = std::min(kTileSide[variant_], (output.height - tile.y + dilation_ - 1) / dilation_);
      const int columns = std::min(kTileSide[variant_], (output.width - tile.x + dilation_ - 1) / dilation_);
      for (int b = 0; b < blocks.count; ++b) {
        const int k = blocks.begin + b;
        const std::ptrdiff_t plane = std::ptrdiff_t{tile.image} * output.blocks + k;
        const std::ptrdiff_t at = plane * output.plane + (tile.y - output.top) * row + std::ptrdiff_t{tile.x} * kBlock;
        const Finish finish{bias_ + k * kBlock, step_.first, output.residual ? output.residual + at : nullptr,
                            step_.second};
        kernels_.winograd_output[variant_](work.products + place_of(t, b, blocks.count), kRow, finish, output.data + at,
                                           row * dilation_, std::ptrdiff_t{dilation_} * kBlock, rows, columns);
        if (pooled.data) pool_tile(tile, plane, output.data + at, rows, columns);
      }
    }
  }

  // Tiles begin at even pixels, so that the windows of a 2x2 pool never lie across two of them.
  void pool_tile(const Tile& tile, std::ptrdiff_t plane, const float* from, int rows, int columns) const {
    const std::ptrdiff_t row = output.row();
    const int x = tile.x / 2;
    const int count = std::min((columns + 1) / 2, pooled.width - x);
    for (int i = 0; i < rows; i += 2) {
      const int y = (tile.y + i) / 2;
      if (y >= pooled.height || count < 1) break;
      float* to = pooled.data + ((plane * pooled.height + y) * pooled.width + x) * kBlock;
      kernels_.max_pool(from + i * row, row, std::min(2, rows - i), columns, 2, 2, 0, to, count);
    }
  }

  const Kernels& kernels_;
  const Step& step_;
  const Cut& cut_;
  const Tile* tiles_;
  std::size_t tile_count_;
  const Winograd variant_;
  const int side_, dilation_;
  const std::ptrdiff_t products_;
  const int parts_;
  const float* const taps_;
  const float* const bias_;
  float* const shared_weights_;
};

}  // namespace

void Run::convolve_winograd(const Step& step, const Ready& ready) {
  float* const shared_weights = buffers_.arena + ready.shared_weights;
  WinogradRun work(kernels_, step, ready, buffers_.weights, shared_weights);
  for (const int input : step.inputs) {
    const int seen = resolve(input);
    const Allocation& as_seen = allocation(seen);
    Source source{};
    int stored = seen;
    if (as_seen.home == Home::view) {
      stored = plan_.steps[as_seen.at].inputs[0];
      source.rows = schedule_.steps[as_seen.at].rows.data();
      source.columns = schedule_.steps[as_seen.at].columns.data();
    }
    const Shape lies = allocation(resolve(stored)).shape;
    const std::ptrdiff_t block = std::ptrdiff_t{lies.height} * lies.width * kBlock;
    const int blocks = blocks_of(value(seen).channels);
    source.image = block * blocks;
    source.height = as_seen.shape.height;
    source.width = as_seen.shape.width;
    source.stored_width = lies.width;
    for (int b = 0; b < blocks; ++b) {
      source.data = read(stored) + b * block;
      for (source.part = 0; source.part < kParts[ready.winograd]; ++source.part) work.sources.push_back(source);
    }
  }
  const Shape out = allocation(step.output).shape;
  const float* residual = step.residual >= 0 ? read(step.residual) : nullptr;
  const int output_blocks = blocks_of(value(step.output).channels);
  const std::ptrdiff_t plane = std::ptrdiff_t{out.height} * out.width * kBlock;
  work.output = {write(step.output), residual, out.height, out.width, output_blocks, 0, plane};
  if (ready.pooled >= 0) {
    const int pooled = plan_.steps[static_cast<std::size_t>(ready.pooled)].output;
    work.pooled = {write(pooled), allocation(pooled).shape.height, allocation(pooled).shape.width};
  }

  if (ready.cut.shared) {
    const std::size_t inputs = work.sources.size();
    share(inputs * static_cast<std::size_t>(work.output.blocks), [&](std::size_t pair, std::size_t) {
      float* to = shared_weights + static_cast<std::ptrdiff_t>(pair) * kProducts[ready.winograd] * kWeightStride;
      work.transform_weights(static_cast<int>(pair / inputs), static_cast<int>(pair % inputs), to);
    });
  }
  const auto run_jobs = [&] {
    share(work.jobs(), [&](std::size_t index, std::size_t worker) { work.run_job(index, scratch<float>(worker)); });
  };
  if (ready.band == 0) return run_jobs();

  // A band is put in its place when the next one is made, which reads the last of the input's rows there.
  const Output whole = work.output;
  const int rows = ready.band * kTileSide[ready.winograd];
  const auto tiles_a_band =
      static_cast<std::size_t>(ready.band) * ready.tiles.size() /
      static_cast<std::size_t>((out.height + kTileSide[ready.winograd] - 1) / kTileSide[ready.winograd]);
  work.output.plane = rows * whole.row();
  float* const bands[] = {buffers_.arena + ready.bands,
                          buffers_.arena + ready.bands + whole.blocks * work.output.plane};
  const auto put = [&](int band) {
    const int top = band * rows;
    share(static_cast<std::size_t>(whole.blocks), [&](std::size_t index, std::size_t) {
      const auto block = static_cast<std::ptrdiff_t>(index);
      std::copy_n(bands[band % 2] + block * work.output.plane, std::min(rows, out.height - top) * whole.row(),
                  whole.data + block * whole.plane + top * whole.row());
    });
  };
  const int count = (out.height + rows - 1) / rows;
  for (int band = 0; band < count; ++band) {
    const std::size_t begin = static_cast<std::size_t>(band) * tiles_a_band;
    work.take_tiles(ready.tiles.data() + begin, std::min(tiles_a_band, ready.tiles.size() - begin));
    work.output.data = bands[band % 2];
    work.output.top = band * rows;
    run_jobs();
    if (band > 0) put(band - 1);
  }
  put(count - 1);
}

}  // namespace rmbg::net
