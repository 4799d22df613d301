// The kernels of the network one by one: equal in all tiers, and nothing is written but what the contract names.
#pragma once

#include <string>
#include <vector>

#include "attention_kernels.hpp"
#include "linear_kernels.hpp"
#include "net/sampling.hpp"
#include "network_regions.hpp"
#include "network_support.hpp"
#include "pointwise_kernels.hpp"

namespace rmbg::net {

struct Ending {
  Ending(Random& random, const Region& out) : bias(random.floats(kBlock)), residual(random.floats(out.size())) {
    finish = {bias.data(), random.clamp(), random.one_in(2) ? residual.data() : nullptr, random.clamp()};
  }
  Floats bias, residual;
  Finish finish;
};

inline void check_winograd(Random& random, Winograd variant) {
  const int side = kPatchSide[variant];
  const int dilation = random.pick({1, 1, 2, 8});
  Patch patch{};
  patch.column = dilation * kBlock;
  patch.row = patch.column * side + random.between(0, 40);
  patch.bottom = patch.right = side;
  if (random.one_in(2)) {
    patch.top = random.between(0, side);
    patch.bottom = random.between(0, side);
    patch.left = random.between(0, side);
    patch.right = random.between(0, side);
  }
  const bool empty = patch.top >= patch.bottom || patch.left >= patch.right;
  const Region seen{1, 0, patch.bottom - patch.top, patch.row, patch.right - patch.left, patch.column, kBlock};
  const Floats pixels = random.floats(empty ? 0 : seen.size());
  if (!empty) patch.data = pixels.data();
  const std::ptrdiff_t stride = kBlock * random.between(1, kTiles);
  compare_kernel(random,
                 text("winograd_input", {{"side", side},
                                         {"top", patch.top},
                                         {"bottom", patch.bottom},
                                         {"left", patch.left},
                                         {"right", patch.right},
                                         {"dilation", dilation}}),
                 Region{1, 0, 1, 0, kProducts[variant], stride, kBlock},
                 [&](const Kernels& tier, float* out) { tier.winograd_input[variant](patch, out, stride); });

  const Floats taps = random.floats(kBlock * kWinogradTaps[variant] * kWinogradTaps[variant] * kBlock);
  compare_kernel(random, text("winograd_weights", {{"side", side}}),
                 Region{1, 0, kProducts[variant], kWeightStride, kBlock, kBlock, kBlock},
                 [&](const Kernels& tier, float* out) { tier.winograd_weights[variant](taps.data(), out); });

  const Region sums{1, 0, 1, 0, kProducts[variant], stride, kBlock};
  const Floats products = random.floats(sums.size(), 0.1f);
  const int rows = random.between(1, kTileSide[variant]), columns = random.between(1, kTileSide[variant]);
  const std::ptrdiff_t column = dilation * kBlock;
  const std::ptrdiff_t row = column * columns + kBlock * random.between(0, 3);
  const Region tile{1, 0, rows, row, columns, column, kBlock};
  const Ending ending(random, tile);
  compare_kernel(
      random, text("winograd_output", {{"side", side}, {"rows", rows}, {"columns", columns}, {"dilation", dilation}}),
      tile, [&](const Kernels& tier, float* out) {
        tier.winograd_output[variant](products.data(), stride, ending.finish, out, row, column, rows, columns);
      });
}

inline void check_multiply(Random& random, int tiles, int outputs, int blocks) {
  Multiply job{};
  job.tiles = tiles;
  job.outputs = outputs;
  job.blocks = blocks;
  job.add = random.one_in(2);
  const std::ptrdiff_t tile_row = kTiles * kBlock, square = kBlock * kBlock;
  const int groups = (tiles + kTiles - 1) / kTiles, last = tiles - (groups - 1) * kTiles;
  job.input_block = tile_row + kBlock * random.between(0, 3);
  job.input_group = job.input_block * blocks + kBlock * random.between(0, 3);
  job.weight_block = square + kBlock * random.between(0, 3);
  job.weight_output = job.weight_block * blocks + kBlock * random.between(0, 3);
  job.product_output = tile_row + kBlock * random.between(0, 3);
  job.product_group = job.product_output * outputs + kBlock * random.between(0, 3);
  const Floats inputs =
      random.floats(Region{groups, job.input_group, blocks, job.input_block, last, kBlock, kBlock}.size());
  const Floats weights = random.floats((outputs - 1) * job.weight_output + (blocks - 1) * job.weight_block + square);
  job.inputs = inputs.data();
  job.weights = weights.data();
  std::vector<bool> mask = Region{groups, job.product_group, outputs, job.product_output, last, kBlock, kBlock}.mask();
  Region{groups - 1, job.product_group, outputs, job.product_output, kTiles, kBlock, kBlock}.mark(mask);
  compare_kernel(random,
                 text("multiply", {{"tiles", tiles}, {"outputs", outputs}, {"blocks", blocks}, {"add", job.add}}), mask,
                 [&](const Kernels& tier, float* out) {
                   Multiply here = job;
                   here.products = out;
                   tier.multiply(here);
                 });
}

// Inputs of a direct convolution, to the byte: of what the taps reach, nothing more.
struct Inputs {
  Inputs(Random& random, bool planar_too, int rows, int columns, int pixels) {
    for (int count = random.between(1, 3); count > 0; --count) {
      const bool planar = planar_too && random.one_in(3);
      const std::ptrdiff_t pixel = planar ? 1 : kBlock;
      Span span{};
      span.pixel = pixel * random.between(1, 3);
      span.column = pixel * random.pick({1, 1, 2, 8});
      span.row = pixel * random.between(1, 60);
      span.groups = planar ? 1 : random.between(1, 3);
      span.lanes = planar ? random.between(1, 20) : kBlock;
      span.group = pixel * random.between(1, 90);
      span.lane = planar ? random.between(1, 90) : 1;
      const bool reads = rows > 0 && columns > 0;
      const std::ptrdiff_t last = (pixels - 1) * span.pixel + (rows - 1) * span.row + (columns - 1) * span.column +
                                  (span.groups - 1) * span.group + (span.lanes - 1) * span.lane;
      data.push_back(random.floats(reads ? last + 1 : 0));
      span.data = data.back().data();
      spans.push_back(span);
      channels += span.groups * span.lanes;
    }
  }
  std::vector<Floats> data;
  std::vector<Span> spans;
  int channels = 0;
};

inline void check_direct(Random& random, int pixels) {
  Direct job{};
  job.rows = random.between(0, 3);
  job.columns = random.between(0, 3);
  const int width = job.columns + random.between(0, 2), height = job.rows + random.between(0, 2);
  const Inputs inputs(random, true, job.rows, job.columns, pixels);
  job.spans = inputs.spans.data();
  job.span_count = int(inputs.spans.size());
  job.taps = std::max(1, width * height);
  job.weight_block = std::ptrdiff_t{inputs.channels} * job.taps * kBlock + kBlock * random.between(0, 2);
  job.weight_row = width * kBlock;
  job.outputs = random.between(1, 2);
  job.pixels = pixels;
  job.out_block = (pixels + random.between(0, 5)) * kBlock;
  const bool reads = job.rows > 0 && job.columns > 0;
  const Floats weights = random.floats(reads ? (job.outputs - 1) * job.weight_block +
                                                   (inputs.channels - 1) * std::ptrdiff_t{job.taps} * kBlock +
                                                   (job.rows - 1) * job.weight_row + job.columns * kBlock
                                             : 0);
  job.weights = weights.data();
  const Region out{1, 0, job.outputs, job.out_block, pixels, kBlock, kBlock};
  // The residual is laid out as the output, from each block's own beginning.
  const Ending endings[] = {Ending(random, line(pixels, kBlock)), Ending(random, line(pixels, kBlock))};
  for (int i = 0; i < 2; ++i) job.finish[i] = endings[i].finish;
  compare_kernel(
      random,
      text("direct", {{"pixels", pixels}, {"outputs", job.outputs}, {"rows", job.rows}, {"columns", job.columns}}), out,
      [&](const Kernels& tier, float* to) {
        Direct here = job;
        here.out = to;
        tier.direct(here);
      });
}

inline void check_dot(Random& random, int pixels) {
  Dot job{};
  job.rows = random.between(0, 3);
  job.columns = random.between(0, 3);
  const Inputs inputs(random, false, job.rows, job.columns, pixels);
  job.spans = inputs.spans.data();
  job.span_count = int(inputs.spans.size());
  job.weight_column = inputs.channels;
  job.weight_row = job.weight_column * (job.columns + random.between(0, 2));
  job.pixels = pixels;
  job.bias = random.real();
  job.clamp = random.clamp();
  const bool reads = job.rows > 0 && job.columns > 0;
  const Floats weights = random.floats(reads ? (job.rows - 1) * job.weight_row + job.columns * job.weight_column : 0);
  job.weights = weights.data();
  compare_kernel(random, text("dot", {{"pixels", pixels}, {"rows", job.rows}, {"columns", job.columns}}),
                 line(pixels, 1), [&](const Kernels& tier, float* out) {
                   Dot here = job;
                   here.out = out;
                   tier.dot(here);
                 });
}

// Some samples of a resized axis, `step` apart, as the patch of a dilated convolution takes them.
inline std::vector<Lerp> some_lerps(Random& random, int from, Coordinates coordinates, Interpolation interpolation) {
  const std::vector<Lerp> all =
      lerps(from, random.between(1, random.pick({3, 20, 100})), 0, coordinates, interpolation);
  const int step = random.pick({1, 1, 2, 8});
  std::vector<Lerp> some;
  for (std::size_t i = random.one_in(2) ? 0 : all.size() / 2; i < all.size(); i += std::size_t(step))
    some.push_back(all[i]);
  some.shrink_to_fit();
  return some;
}

inline void check_samples(Random& random) {
  const int width = random.between(1, 40), height = random.between(1, 9);
  const auto coordinates = Coordinates(random.between(0, 3));
  const auto interpolation = Interpolation(random.between(0, 4));
  const std::vector<Lerp> columns = some_lerps(random, width, coordinates, interpolation);
  std::vector<Lerp> rows = some_lerps(random, height, coordinates, interpolation);
  rows = std::vector<Lerp>(rows.begin(), rows.begin() + std::min<std::ptrdiff_t>(12, std::ptrdiff_t(rows.size())));
  const int count = int(columns.size()), row_count = int(rows.size());
  const std::string name = text("", {{"width", width},
                                     {"height", height},
                                     {"columns", count},
                                     {"rows", row_count},
                                     {"coordinates", double(coordinates)},
                                     {"by", double(interpolation)}});
  const std::ptrdiff_t row = (width + random.between(0, 9)) * kBlock, out_row = (count + random.between(0, 9)) * kBlock;
  const Floats in = odd_floats(random, (height - 1) * row + width * kBlock);
  Floats between(std::size_t(2 * count * kBlock));
  compare_kernel(random, "sample" + name, Region{1, 0, row_count, out_row, count, kBlock, kBlock},
                 [&](const Kernels& tier, float* out) {
                   tier.sample(in.data(), row, rows.data(), row_count, columns.data(), count, between.data(), out,
                               out_row);
                 });

  const float weight = random.one_in(3) ? 0.0f : 0.5f + 0.5f * random.real();
  const Floats top = odd_floats(random, width), bottom = odd_floats(random, width);
  Floats blended(std::size_t(width), 0.0f);
  compare_kernel(
      random, text("sample_plane" + name, {{"weight", weight}}), line(count, 1), [&](const Kernels& tier, float* out) {
        tier.sample_plane(top.data(), bottom.data(), weight, width, columns.data(), count, blended.data(), out);
      });
}

inline void check_pool_and_add(Random& random) {
  const int rows = random.between(1, 4), width = random.between(1, 40), window = random.between(1, 5);
  const int stride = random.between(1, 3), first = -random.between(0, 4), count = random.between(1, 30);
  const std::ptrdiff_t row = (width + random.between(0, 9)) * kBlock;
  const Floats in = odd_floats(random, (rows - 1) * row + width * kBlock);
  compare_kernel(random,
                 text("max_pool", {{"rows", rows},
                                   {"width", width},
                                   {"window", window},
                                   {"stride", stride},
                                   {"first", first},
                                   {"count", count}}),
                 line(count, kBlock), [&](const Kernels& tier, float* out) {
                   tier.max_pool(in.data(), row, rows, width, window, stride, first, out, count);
                 });

  const std::ptrdiff_t floats = random.one_in(2) ? kBlock * random.between(1, 40) : random.between(1, 640);
  const Floats a = odd_floats(random, floats), b = odd_floats(random, floats);
  const Clamp clamp = random.clamp();
  compare_kernel(random, text("add", {{"count", double(floats)}, {"low", clamp.low}, {"high", clamp.high}}),
                 line(floats, 1),
                 [&](const Kernels& tier, float* out) { tier.add(a.data(), b.data(), clamp, out, floats); });
}

inline void check_gather_and_finish(Random& random, int count) {
  const int blocks = random.between(1, 5), pixels = random.between(1, 60);
  const std::ptrdiff_t block = (pixels + random.between(0, 9)) * kBlock;
  const Floats in = random.floats((blocks - 1) * block + pixels * kBlock);
  std::vector<Neighbours> points(static_cast<std::size_t>(count));
  for (Neighbours& point : points) {
    for (int n = 0; n < 4; ++n) point.pixel[n] = random.between(0, pixels - 1);
    for (float& weight : point.weight) weight = random.one_in(5) ? 0.0f : random.real();
  }
  const std::ptrdiff_t out_block = (count + random.between(0, 9)) * kBlock;
  compare_kernel(random, text("gather", {{"count", count}, {"blocks", blocks}, {"pixels", pixels}}),
                 Region{blocks, out_block, 1, 0, count, kBlock, kBlock}, [&](const Kernels& tier, float* out) {
                   tier.gather(in.data(), block, blocks, points.data(), count, out, out_block);
                 });

  const Region tile = line(count, kBlock);
  const Ending ending(random, tile);
  const Floats sums = odd_floats(random, tile.size());
  compare_kernel(random, text("finish", {{"count", count}}), tile,
                 [&](const Kernels& tier, float* out) { tier.finish(sums.data(), ending.finish, out, count); });
}

inline void check_network_kernels(Random& random, int round) {
  check_winograd(random, F4);
  check_winograd(random, F6);
  check_winograd(random, F5);
  const int tiles = 1 + round % 40;  // every count, whatever chance says
  for (int outputs = 1; outputs <= 5; ++outputs) check_multiply(random, tiles, outputs, random.between(1, 3));
  check_direct(random, 1 + round % kTiles);
  check_dot(random, 1 + round % kTiles);
  check_samples(random);
  check_pool_and_add(random);
  check_gather_and_finish(random, 1 + round % kTiles);
  check_pointwise(random);
  check_attention_kernels(random);
  check_attention(random);
  if (round == 0) check_gelu();
  check_linear_kernels(random);
  check_linear_layers(random);
}

}  // namespace rmbg::net
