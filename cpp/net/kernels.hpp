// The kernels of the network: convolutions and what stands between them, on blocked float tensors.
//
// Blocked: N x ceil(C/16) x H x W x 16. A block is 16 channels of one image; a channel that fills up the last block is
// 0. Planar: N x C x H x W, for tensors of few channels (pictures in, masks out). Strides count floats. No kernel
// allocates, throws or keeps anything. All tiers give the same bits: every sum is taken in the order of channel, then
// tap, with fused multiply-adds, whatever the width of a register.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace rmbg::net {

inline constexpr int kBlock = 16;  // channels of a block
inline constexpr int kTiles = 12;  // Winograd tiles, or pixels, that one multiplication takes at most
inline constexpr std::ptrdiff_t kSquare = kBlock * kBlock;  // weights between two blocks
inline constexpr std::ptrdiff_t kRow = kTiles * kBlock;     // floats of a block of channels of so many
inline constexpr int kPatch = 8;                            // the longer side of a Winograd patch

// F(m x m, r x r): a tile of m x m outputs comes from a patch of (m+r-1) x (m+r-1) inputs by (m+r-1)^2 products. r is 3
// for F4 and F6. F5, of r = 4, does 7x7: that is four windows of 4x4, 4 pixels apart, whose products are summed.
enum Winograd : int { F4 = 0, F6 = 1, F5 = 2 };
inline constexpr int kVariants = 3;
inline constexpr int kTileSide[] = {4, 6, 5};
inline constexpr int kPatchSide[] = {6, 8, 8};
inline constexpr int kProducts[] = {36, 64, 64};
inline constexpr int kWinogradTaps[] = {3, 3, 4};  // r
inline constexpr int kParts[] = {1, 1, 4};         // windows of r x r

// Floats between the products of transformed weights: 16 x 16 and a cache line, or all would fall on the same few sets
// of the first-level cache.
inline constexpr int kWeightStride = kBlock * kBlock + kBlock;

// What follows the sum of a convolution: y = clamp(x + bias), then + residual, then clamp again.
struct Clamp {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};
struct Finish {
  const float* bias;  // of the 16 channels
  Clamp first;
  const float* residual = nullptr;  // laid out as the output
  Clamp second;
};

// A patch of one block: patch[y][x][channel] at data + (y - top) * row + (x - left) * column + channel for y in [top,
// bottom) and x in [left, right); what lies outside of that is 0.
struct Patch {
  const float* data;  // not read where nothing lies inside
  std::ptrdiff_t row;
  std::ptrdiff_t column;
  int top, bottom, left, right;
};

// Linear interpolation: a row or column of a resampled picture from two of its source, blended as low + (high - low) * weight.
struct Lerp {
  std::int32_t low;
  std::int32_t high;
  float weight;
};

// products[t][k] (+)= sum over c of inputs[t][c] * weights[c][k]. Tiles come in groups of kTiles.
struct Multiply {
  const float* inputs;  // [group][block][tile][16]
  std::ptrdiff_t input_group;
  std::ptrdiff_t input_block;
  const float* weights;         // [output][block][c][16]
  std::ptrdiff_t weight_block;  // between blocks of inputs
  std::ptrdiff_t weight_output;
  float* products;  // [group][output][tile][16]
  std::ptrdiff_t product_group;
  std::ptrdiff_t product_output;
  int tiles;    // in all: whole groups, but for the last
  int blocks;   // of inputs
  int outputs;  // blocks of outputs
  bool add;     // to what products hold, or anew
};

// One input of a direct convolution, at the first pixel's first tap.
struct Span {
  const float* data;
  int groups;                  // blocked: channel blocks; planar: 1
  int lanes;                   // blocked: 16; planar: the channels
  std::ptrdiff_t group;        // between groups
  std::ptrdiff_t lane;         // between channels of a group
  std::ptrdiff_t row, column;  // between taps: dilation included
  std::ptrdiff_t pixel;        // between output pixels: stride included
};

// A run of output pixels of one row that see the same taps.
struct Direct {
  const Span* spans;
  int span_count;
  const float* weights;  // [c][tap][16], c over all spans, at the first tap that is seen
  int taps;              // of the whole window: floats between channels = taps * 16
  std::ptrdiff_t weight_block;
  std::ptrdiff_t weight_row;  // between rows of taps
  int rows, columns;          // of taps that are seen
  int outputs;                // 1 or 2 blocks
  int pixels;                 // 1 .. kTiles
  float* out;                 // [pixel][16] for each block
  std::ptrdiff_t out_block;   // also of the residual
  Finish finish[2];
};

// A convolution to few channels: a dot product over the channels of a block.
struct Dot {
  const Span* spans;  // blocked
  int span_count;
  const float* weights;  // [tap][padded c] for one output channel, at the first tap that is seen
  std::ptrdiff_t weight_row, weight_column;
  int rows, columns;
  int pixels;
  float bias;
  Clamp clamp;
  float* out;  // [pixel]
};

// The four pixels around a sampling point, and what each counts.
struct Neighbours {
  std::int32_t pixel[4];  // of the map, row by row; one that lies outside has weight 0 and is any pixel inside
  float weight[4];
};

// A group of tokens that attend to others: scores[block of others][kTiles tokens][16].
struct Softmax {
  float* scores;
  int blocks;                 // of others
  int tokens;                 // 1 .. kTiles
  const float* bias;          // [token][blocks * 16], added; -infinity where there is no other
  const float* const* masks;  // of each token [blocks * 16], added too; null: none
  float* inverse;             // [token]
};

// LayerNorm of one token: out[b * out_block ..][16] = (in - mean) / sqrt(variance + epsilon) * scale + shift.
struct Normalize {
  const float* in;             // [blocks * 16]
  const float *scale, *shift;  // as many
  float epsilon;
  int blocks;
  float* out;
  std::ptrdiff_t out_block;
};

// The end of a layer: out[i * token ..][16] = sums[i][16] + bias[16], + residual[i * token ..][16] where there is one.
struct Spread {
  const float* sums;
  const float* bias;
  const float* residual;  // null: there is none
  float* out;
  std::ptrdiff_t token;  // floats between two tokens
  int tokens;
};

struct Kernels {
  const char* name;

  // patch of one block -> products[f * stride + 16 lanes], f = y * side + x.
  using Input = void(const Patch&, float* products, std::ptrdiff_t stride);
  Input* winograd_input[kVariants];
  // [c][r * r][16] -> weights[f * kWeightStride + c * 16 ..][16], for one block of inputs and one of outputs.
  using Weights = void(const float* taps, float* weights);
  Weights* winograd_weights[kVariants];
  // products[f * stride ..] of one tile and block -> out[y * row + x * column ..] for y < rows, x < columns; the
  // residual has the output's strides.
  using Output = void(const float* products, std::ptrdiff_t stride, const Finish&, float* out, std::ptrdiff_t row,
                      std::ptrdiff_t column, int rows, int columns);
  Output* winograd_output[kVariants];
  void (*multiply)(const Multiply&);

  void (*direct)(const Direct&);
  void (*dot)(const Dot&);

  // out[y * out_row ..][x][16] = one block, with `row` floats between its rows, sampled along the columns, then along
  // the rows. `between` holds twice column_count * 16 floats.
  void (*sample)(const float* in, std::ptrdiff_t row, const Lerp* rows, int row_count, const Lerp* columns,
                 int column_count, float* between, float* out, std::ptrdiff_t out_row);
  // out[x] = two rows of a plane of `width` columns, blended by `weight`, then sampled; `between` holds as many floats.
  void (*sample_plane)(const float* low, const float* high, float weight, int width, const Lerp* columns, int count,
                       float* between, float* out);
  // out[x][16] = maximum over `rows` x the taps of x that lie in [0, width).
  void (*max_pool)(const float* in, std::ptrdiff_t row, int rows, int width, int window, int stride, int first,
                   float* out, int count);
  void (*add)(const float* a, const float* b, Clamp clamp, float* out, std::ptrdiff_t count);

  // out[b * out_block + i * 16 ..] = sum over n of in[b * block + pixel[n] * 16 ..] * weight[n], in this order, for
  // each point i of `count` and each block b.
  void (*gather)(const float* in, std::ptrdiff_t block, int blocks, const Neighbours* points, int count, float* out,
                 std::ptrdiff_t out_block);
  // out[i][16] = what follows sums[i][16], for each pixel i of `count`; `out` may be `sums`.
  void (*finish)(const float* sums, const Finish&, float* out, int count);

  // out[i][16] = scale[16] / (1 + exp(-in[i][16])), within 2e-7 of it, for each pixel i of `count`.
  void (*sigmoid)(const float* in, const float* scale, float* out, int count);
  // out[i][16] = in[i][16] * factors[i * 16], for each pixel i of `count`.
  void (*gate)(const float* in, const float* factors, float* out, int count);
  // out[16] = factor * sum over i of in[i * step ..][16], in this order.
  void (*sum)(const float* in, std::ptrdiff_t step, int count, float factor, float* out);

  // These are null in WebAssembly, which runs no transformer.
  //
  // out[b * out_block ..][16] = (in[b * 16 ..][16] + bias[b * 16 ..][16]) * scale, for each block b.
  void (*token)(const float* in, const float* bias, float scale, int blocks, float* out, std::ptrdiff_t out_block);
  // out[d][i] = tokens[i][d] + bias[d], for each d of `blocks` blocks and each i of 16.
  void (*keys)(const float* const* tokens, const float* bias, int blocks, float* out);
  // scores = e^(x - the largest x of the token), x = scores + bias + mask, within 2e-7 of it and at least e^-86; inverse
  // = 1 / their sum. Sums are those of 16 lanes over the blocks, then of halves of the lanes.
  void (*softmax)(const Softmax&);
  // Sums are those of softmax.
  void (*normalize)(const Normalize&);
  // sums[i][16] = x (1 + erf(x / sqrt 2)) / 2, x = sums[i][16] + bias[16], for each pixel i of `count`; erf within 2e-7.
  void (*gelu)(float* sums, const float* bias, int count);
  void (*spread)(const Spread&);
};

}  // namespace rmbg::net
