// A job is one head in a row of windows, so that its bias stays in the cache, and the next head finds the tokens there.
//
// Layouts, as those of a convolution's products:
//   queries  [group of 12 tokens][block of depth][token][16]
//   keys     [block of tokens][depth][16 tokens]
//   values   [block of depth][token, whole blocks][16]
//   scores   [block of tokens][12 tokens][16]
//   sums     [block of depth][12 tokens][16]
#include "net/attention.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/stop.hpp"

namespace rmbg::net {
namespace {

constexpr int kRegions = 4;  // of the map, at most, in one window

int up(int count, int part) { return (count + part - 1) / part; }

// Where a worker's parts begin in its scratch.
struct Parts {
  explicit Parts(const Windows& w)
      : tokens(w.window * w.window),
        groups(up(tokens, kTiles)),
        token_blocks(up(tokens, kBlock)),
        depth_blocks(w.depth / kBlock) {
    const std::ptrdiff_t pairs = std::ptrdiff_t{token_blocks} * depth_blocks * kSquare;
    keys = std::ptrdiff_t{groups} * depth_blocks * kRow;
    values = keys + pairs;
    scores = values + pairs;
    sums = scores + token_blocks * kRow;
    masks = sums + depth_blocks * kRow;
    zeros = masks + std::ptrdiff_t{kRegions} * width();
    places = zeros + w.depth;  // of two ints each
    end = places + 2 * std::ptrdiff_t{token_blocks} * kBlock;
  }
  std::ptrdiff_t width() const { return std::ptrdiff_t{token_blocks} * kBlock; }  // of a token's scores

  int tokens, groups, token_blocks, depth_blocks;
  std::ptrdiff_t keys, values, scores, sums, masks, zeros, places, end;
};

struct Place {
  std::int32_t token;   // of the image; -1: of the padding
  std::int32_t region;  // of the map, among those of the window
};
static_assert(sizeof(Place) == 2 * sizeof(float));

class Head {
 public:
  Head(const Windows& windows, const AttentionBuffers& buffers, const Kernels& kernels, float* scratch)
      : windows_(windows), parts_(windows), buffers_(buffers), kernels_(kernels), scratch_(scratch) {
    std::fill_n(scratch_ + parts_.keys, parts_.scores - parts_.keys, 0.0f);  // what fills up the last blocks
    std::fill_n(scratch_ + parts_.zeros, windows.depth, 0.0f);
  }

  void run(int image, int row, int head) {
    const int columns = up(windows_.width, windows_.window);
    for (int column = 0; column < columns; ++column) {
      const bool masked = find_places(row, column);
      load(image, head);
      for (int group = 0; group < parts_.groups; ++group) {
        const int count = std::min(kTiles, parts_.tokens - group * kTiles);
        multiply(scratch_ + group * parts_.depth_blocks * kRow, parts_.depth_blocks, scratch_ + parts_.keys,
                 scratch_ + parts_.scores, parts_.token_blocks, count);
        weigh(group * kTiles, count, head, masked);
        multiply(scratch_ + parts_.scores, parts_.token_blocks, scratch_ + parts_.values, scratch_ + parts_.sums,
                 parts_.depth_blocks, count);
        store(group * kTiles, count, image, head);
      }
    }
  }

 private:
  Place* places() const { return reinterpret_cast<Place*>(scratch_ + parts_.places); }

  // Which tokens the window holds, and, where it needs one, the mask of each region. True: it needs one.
  bool find_places(int row, int column) {
    const int side = windows_.window, shift = windows_.shift;
    const int rows = up(windows_.height, side) * side, columns = up(windows_.width, side) * side;
    // Only the last row and column of windows reach over the edge.
    const bool masked = windows_.mask != 0 && shift > 0 && ((row + 1) * side == rows || (column + 1) * side == columns);
    for (int i = 0; i < parts_.tokens; ++i) {
      const int y = row * side + i / side, x = column * side + i % side;
      const int from_y = y + shift < rows ? y + shift : y + shift - rows;
      const int from_x = x + shift < columns ? x + shift : x + shift - columns;
      const bool inside = from_y < windows_.height && from_x < windows_.width;
      const int region = 2 * (y >= rows - shift) + (x >= columns - shift);
      places()[i] = {inside ? from_y * windows_.width + from_x : -1, region};
    }
    if (!masked) return false;
    for (int region = 0; region < kRegions; ++region) {
      float* const mask = scratch_ + parts_.masks + region * parts_.width();
      for (std::ptrdiff_t i = 0; i < parts_.width(); ++i)
        mask[i] = i < parts_.tokens && places()[i].region != region ? windows_.mask : 0.0f;
    }
    return true;
  }

  void load(int image, int head) {
    const auto channels = static_cast<std::ptrdiff_t>(channels_of(windows_));
    const float* const all = buffers_.qkv + image * static_cast<std::ptrdiff_t>(tokens_of(windows_)) * 3 * channels;
    const std::ptrdiff_t at = std::ptrdiff_t{head} * windows_.depth;
    const float* const bias = buffers_.qkv_bias + at;
    const std::ptrdiff_t value_block = std::ptrdiff_t{parts_.token_blocks} * kSquare;
    const float* const zeros = scratch_ + parts_.zeros;
    const float* keys[kBlock];
    for (int i = 0; i < parts_.tokens; ++i) {
      const std::int32_t token = places()[i].token;
      const float* const query = token < 0 ? zeros : all + token * 3 * channels + at;
      const float* const key = token < 0 ? zeros : query + channels;
      const float* const value = token < 0 ? zeros : key + channels;
      float* const queries = scratch_ + (i / kTiles * parts_.depth_blocks * kRow) + i % kTiles * kBlock;
      kernels_.token(query, bias, windows_.scale, parts_.depth_blocks, queries, kRow);
      kernels_.token(value, bias + 2 * channels, 1.0f, parts_.depth_blocks, scratch_ + parts_.values + i * kBlock,
                     value_block);
      keys[i % kBlock] = key;
      if (i + 1 == parts_.tokens) std::fill(keys + i % kBlock + 1, keys + kBlock, zeros);
      if (i % kBlock + 1 == kBlock || i + 1 == parts_.tokens) {
        float* const to = scratch_ + parts_.keys + i / kBlock * std::ptrdiff_t{parts_.depth_blocks} * kSquare;
        kernels_.keys(keys, bias + channels, parts_.depth_blocks, to);
      }
    }
  }

  // products[output][token][16] = inputs[block][token][16] * weights[output][block][16][16]
  void multiply(const float* inputs, int blocks, const float* weights, float* products, int outputs, int count) {
    Multiply job{};
    job.inputs = inputs;
    job.input_block = kRow;
    job.weights = weights;
    job.weight_block = kSquare;
    job.weight_output = blocks * kSquare;
    job.products = products;
    job.product_output = kRow;
    job.tiles = count;
    job.blocks = blocks;
    job.outputs = outputs;
    kernels_.multiply(job);
  }

  void weigh(int first, int count, int head, bool masked) {
    const float* masks[kTiles];
    for (int i = 0; masked && i < count; ++i)
      masks[i] = scratch_ + parts_.masks + places()[first + i].region * parts_.width();
    const std::ptrdiff_t row = std::ptrdiff_t{head} * parts_.tokens + first;
    kernels_.softmax({scratch_ + parts_.scores, parts_.token_blocks, count, buffers_.bias + row * parts_.width(),
                      masked ? masks : nullptr, inverse_});
  }

  void store(int first, int count, int image, int head) {
    const auto channels = static_cast<std::ptrdiff_t>(channels_of(windows_));
    const std::ptrdiff_t image_at = image * static_cast<std::ptrdiff_t>(tokens_of(windows_));
    for (int i = 0; i < count; ++i) {
      const std::int32_t token = places()[first + i].token;
      if (token < 0) continue;
      float* const out = buffers_.out + (image_at + token) * channels + std::ptrdiff_t{head} * windows_.depth;
      const float* const sums = scratch_ + parts_.sums + i * kBlock;
      for (int d = 0; d < windows_.depth; ++d) out[d] = sums[d / kBlock * kRow + d % kBlock] * inverse_[i];
    }
  }

  const Windows& windows_;
  const Parts parts_;
  const AttentionBuffers& buffers_;
  const Kernels& kernels_;
  float* const scratch_;
  float inverse_[kTiles];
};

void check(bool good) {
  if (!good) fail(ErrorKind::model, "the prepared network is damaged (an attention)");
}

}  // namespace

Windows decode_windows(const std::int64_t* numbers, std::size_t count) {
  check(count == 9 && numbers[0] == kWindowsVersion);
  constexpr std::int64_t most = 1 << 14;
  for (int i = 1; i < 7; ++i) check(numbers[i] >= (i == 4 ? 0 : 1) && numbers[i] <= most);
  const auto number = [&](int i) { return static_cast<int>(numbers[i]); };
  const auto real = [&](int i) { return static_cast<float>(std::bit_cast<double>(numbers[i])); };
  const Windows w{number(1), number(2), number(3), number(4), number(5), number(6), real(7), real(8)};
  check(w.window <= 64 && w.shift < w.window && w.depth % kBlock == 0 && w.heads * std::int64_t{w.depth} <= most);
  check(std::isfinite(w.scale) && w.mask <= 0);  // not a number neither
  return w;
}

std::size_t bias_floats(const Windows& windows) {
  const Parts parts(windows);
  return static_cast<std::size_t>(windows.heads) * static_cast<std::size_t>(parts.tokens) *
         static_cast<std::size_t>(parts.width());
}

std::size_t attention_scratch(const Windows& windows) {
  return static_cast<std::size_t>((Parts(windows).end + kBlock - 1) / kBlock * kBlock);
}

bool attend(const Windows& windows, int images, const AttentionBuffers& buffers, const Kernels& kernels,
            const Parallel& parallel) {
  check_stop();
  const auto heads = static_cast<std::size_t>(windows.heads);
  const auto rows = static_cast<std::size_t>(up(windows.height, windows.window));
  const std::size_t scratch = attention_scratch(windows);
  share(parallel, static_cast<std::size_t>(images) * rows * heads, [&](std::size_t index, std::size_t worker) {
    Head job(windows, buffers, kernels, buffers.scratch + worker * scratch);
    job.run(static_cast<int>(index / heads / rows), static_cast<int>(index / heads % rows),
            static_cast<int>(index % heads));
  });
  return !parallel.is_cancelled();
}

}  // namespace rmbg::net
