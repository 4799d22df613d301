// Winograd's minimal filtering F(m x m, r x r) (Lavin and Gray 2016, arXiv:1509.09308): Y = A'[(G g G') . (B' d B)]A.
//
// One dimension at a time: columns first, into a buffer of one patch, then rows. The points are 0, 1, -1, 2, -2 and,
// for m = 6 and 5, 1/2, -1/2; what pairs of rows share is taken once.
#pragma once

#include "net/finish.hpp"
#include "net/kernels.hpp"

namespace {

using rmbg::net::Finish;
using rmbg::net::kBlock;
using rmbg::net::Multiply;
using rmbg::net::Patch;

constexpr int kAhead = 10;  // columns: the next patch but for what it shares with this one

struct F4x4 {
  static constexpr int taps = 3;
  static constexpr int side = 6;
  static constexpr int tile = 4;

  static void input(const Vec d[6], Vec t[6]) {
    const Vec four = Vec::all(4.0f), two = Vec::all(2.0f), less = Vec::all(-4.0f), five = Vec::all(-5.0f);
    const Vec even = fma(less, d[2], d[4]);
    const Vec odd = fma(less, d[1], d[3]);
    const Vec even2 = d[4] - d[2];
    const Vec odd2 = two * (d[3] - d[1]);
    t[0] = fma(four, d[0], fma(five, d[2], d[4]));
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = even2 + odd2;
    t[4] = even2 - odd2;
    t[5] = fma(four, d[1], fma(five, d[3], d[5]));
  }
  static void weights(const Vec g[3], Vec t[6]) {
    const Vec minus_sixth = Vec::all(-1.0f / 6), twenty_fourth = Vec::all(1.0f / 24), four = Vec::all(4.0f),
              two = Vec::all(2.0f);
    const Vec near = g[0] + g[2];
    const Vec far = fma(four, g[2], g[0]);
    t[0] = Vec::all(0.25f) * g[0];
    t[1] = minus_sixth * (near + g[1]);
    t[2] = minus_sixth * (near - g[1]);
    t[3] = twenty_fourth * fma(two, g[1], far);
    t[4] = twenty_fourth * (far - two * g[1]);
    t[5] = g[2];
  }
  static void output(const Vec m[6], Vec y[4]) {
    const Vec a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[1] = fma(Vec::all(2.0f), d, b);
    y[2] = fma(Vec::all(4.0f), c, a);
    y[3] = fma(Vec::all(8.0f), d, b) + m[5];
  }
};

struct F6x6 {
  static constexpr int taps = 3;
  static constexpr int side = 8;
  static constexpr int tile = 6;

  static void input(const Vec d[8], Vec t[8]) {
    const Vec outer = Vec::all(5.25f), four = Vec::all(4.0f), two = Vec::all(2.0f), half = Vec::all(0.5f);
    const Vec middle = Vec::all(-4.25f), more = Vec::all(-2.5f);
    t[0] = fma(outer, d[4] - d[2], d[0] - d[6]);
    t[7] = fma(outer, d[3] - d[5], d[7] - d[1]);
    const Vec even1 = fma(middle, d[4], d[2] + d[6]);
    const Vec odd1 = fma(middle, d[3], d[1] + d[5]);
    t[1] = even1 + odd1;
    t[2] = even1 - odd1;
    const Vec even2 = fma(Vec::all(-1.25f), d[4], fma(Vec::all(0.25f), d[2], d[6]));
    const Vec odd2 = fma(two, d[5], fma(more, d[3], half * d[1]));
    t[3] = even2 + odd2;
    t[4] = even2 - odd2;
    const Vec even3 = fma(four, fma(Vec::all(-1.25f), d[4], d[2]), d[6]);
    const Vec odd3 = fma(half, d[5], fma(more, d[3], two * d[1]));
    t[5] = even3 + odd3;
    t[6] = even3 - odd3;
  }
  static void weights(const Vec g[3], Vec t[8]) {
    const Vec minus_two_ninths = Vec::all(-2.0f / 9), four = Vec::all(4.0f), two = Vec::all(2.0f);
    const Vec ninetieth = Vec::all(1.0f / 90), eight_45ths = Vec::all(8.0f / 45);
    const Vec near = g[0] + g[2];
    const Vec up = fma(four, g[2], g[0]);    // at the points 2 and -2
    const Vec down = fma(four, g[0], g[2]);  // at 1/2 and -1/2, times four
    const Vec twice = two * g[1];
    t[0] = g[0];
    t[1] = minus_two_ninths * (near + g[1]);
    t[2] = minus_two_ninths * (near - g[1]);
    t[3] = ninetieth * (up + twice);
    t[4] = ninetieth * (up - twice);
    t[5] = eight_45ths * (down + twice);
    t[6] = eight_45ths * (down - twice);
    t[7] = g[2];
  }
  static void output(const Vec m[8], Vec y[6]) {
    const Vec a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4], e = m[5] + m[6], f = m[5] - m[6];
    y[0] = (m[0] + a) + (c + e);
    y[1] = fma(Vec::all(0.5f), f, fma(Vec::all(2.0f), d, b));
    y[2] = fma(Vec::all(0.25f), e, fma(Vec::all(4.0f), c, a));
    y[3] = fma(Vec::all(0.125f), f, fma(Vec::all(8.0f), d, b));
    y[4] = fma(Vec::all(0.0625f), e, fma(Vec::all(16.0f), c, a));
    y[5] = fma(Vec::all(0.03125f), f, fma(Vec::all(32.0f), d, b)) + m[7];
  }
};

// Of 4 taps: the same points, and so the same inputs.
struct F5x5 {
  static constexpr int taps = 4;
  static constexpr int side = 8;
  static constexpr int tile = 5;

  static void input(const Vec d[8], Vec t[8]) { F6x6::input(d, t); }
  static void weights(const Vec g[4], Vec t[8]) {
    const Vec minus_two_ninths = Vec::all(-2.0f / 9), four = Vec::all(4.0f), two = Vec::all(2.0f);
    const Vec ninetieth = Vec::all(1.0f / 90), four_45ths = Vec::all(4.0f / 45), eight = Vec::all(8.0f);
    const Vec near_even = g[0] + g[2], near_odd = g[1] + g[3];
    const Vec up_even = fma(four, g[2], g[0]);  // at the points 2 and -2
    const Vec up_odd = fma(eight, g[3], two * g[1]);
    const Vec down_even = fma(eight, g[0], two * g[2]);  // at 1/2 and -1/2, times eight
    const Vec down_odd = fma(four, g[1], g[3]);
    t[0] = g[0];
    t[1] = minus_two_ninths * (near_even + near_odd);
    t[2] = minus_two_ninths * (near_even - near_odd);
    t[3] = ninetieth * (up_even + up_odd);
    t[4] = ninetieth * (up_even - up_odd);
    t[5] = four_45ths * (down_even + down_odd);
    t[6] = four_45ths * (down_even - down_odd);
    t[7] = g[3];
  }
  static void output(const Vec m[8], Vec y[5]) {
    const Vec a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4], e = m[5] + m[6], f = m[5] - m[6];
    y[0] = (m[0] + a) + (c + e);
    y[1] = fma(Vec::all(0.5f), f, fma(Vec::all(2.0f), d, b));
    y[2] = fma(Vec::all(0.25f), e, fma(Vec::all(4.0f), c, a));
    y[3] = fma(Vec::all(0.125f), f, fma(Vec::all(8.0f), d, b));
    y[4] = fma(Vec::all(0.0625f), e, fma(Vec::all(16.0f), c, a)) + m[7];
  }
};

template <typename F, bool whole>
void transform_input(const Patch& patch, float* products, std::ptrdiff_t stride) {
  alignas(64) float buffer[F::side][F::side][Vec::lanes];
  for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
    for (int x = 0; x < F::side; ++x) {
      Vec d[F::side], t[F::side];
      const bool outside = !whole && (x < patch.left || x >= patch.right);
      for (int y = 0; y < F::side; ++y) {
        if (outside || (!whole && (y < patch.top || y >= patch.bottom))) {
          d[y] = Vec::all(0.0f);
          continue;
        }
        const int row = whole ? y : y - patch.top;
        const int column = whole ? x : x - patch.left;
        const float* at = patch.data + row * patch.row + column * patch.column + lane;
        d[y] = Vec::load(at);
        if (whole) prefetch(at + kAhead * patch.column);
      }
      F::input(d, t);
      for (int y = 0; y < F::side; ++y) t[y].store(buffer[y][x]);
    }
    for (int y = 0; y < F::side; ++y) {
      Vec d[F::side], t[F::side];
      for (int x = 0; x < F::side; ++x) d[x] = Vec::load(buffer[y][x]);
      F::input(d, t);
      for (int x = 0; x < F::side; ++x) t[x].store(products + (y * F::side + x) * stride + lane);
    }
  }
}

template <typename F>
void winograd_input(const Patch& patch, float* products, std::ptrdiff_t stride) {
  if (patch.top <= 0 && patch.left <= 0 && patch.bottom >= F::side && patch.right >= F::side) {
    transform_input<F, true>(patch, products, stride);
  } else {
    transform_input<F, false>(patch, products, stride);
  }
}

template <typename F>
void winograd_weights(const float* taps, float* weights) {
  constexpr std::ptrdiff_t stride = rmbg::net::kWeightStride;
  for (int c = 0; c < kBlock; ++c) {
    for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
      const float* g = taps + c * F::taps * F::taps * kBlock + lane;
      float* out = weights + c * kBlock + lane;
      Vec columns[F::taps][F::side];
      for (int x = 0; x < F::taps; ++x) {
        Vec d[F::taps];
        for (int y = 0; y < F::taps; ++y) d[y] = Vec::load(g + (y * F::taps + x) * kBlock);
        F::weights(d, columns[x]);
      }
      for (int y = 0; y < F::side; ++y) {
        Vec d[F::taps], t[F::side];
        for (int x = 0; x < F::taps; ++x) d[x] = columns[x][y];
        F::weights(d, t);
        for (int x = 0; x < F::side; ++x) {
          float* to = out + (y * F::side + x) * stride;
          t[x].store(to);
          prefetch(to + 2 * kBlock);  // of the channel after the next
        }
      }
    }
  }
}

template <typename F, typename End>
void transform_output(const float* products, std::ptrdiff_t stride, const Finish& finish, float* out,
                      std::ptrdiff_t row, std::ptrdiff_t column, int rows, int columns) {
  alignas(64) float buffer[F::tile][F::side][Vec::lanes];
  for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
    const End end(finish, lane);
    for (int x = 0; x < F::side; ++x) {
      Vec m[F::side], t[F::tile];
      for (int y = 0; y < F::side; ++y) m[y] = Vec::load(products + (y * F::side + x) * stride + lane);
      F::output(m, t);
      for (int y = 0; y < F::tile; ++y) t[y].store(buffer[y][x]);
    }
    for (int y = 0; y < rows; ++y) {
      Vec m[F::side], t[F::tile];
      for (int x = 0; x < F::side; ++x) m[x] = Vec::load(buffer[y][x]);
      F::output(m, t);
      for (int x = 0; x < F::tile; ++x) {
        if (x >= columns) break;
        const std::ptrdiff_t at = y * row + x * column + lane;
        end(t[x], at).store(out + at);
        if (finish.residual) prefetch(finish.residual + at + F::tile * column);  // the next tile's
      }
    }
  }
}

template <typename F>
void winograd_output(const float* products, std::ptrdiff_t stride, const Finish& finish, float* out, std::ptrdiff_t row,
                     std::ptrdiff_t column, int rows, int columns) {
  if (PlainFinisher<false>::fits(finish)) {
    transform_output<F, PlainFinisher<false>>(products, stride, finish, out, row, column, rows, columns);
  } else if (PlainFinisher<true>::fits(finish)) {
    transform_output<F, PlainFinisher<true>>(products, stride, finish, out, row, column, rows, columns);
  } else {
    transform_output<F, Finisher>(products, stride, finish, out, row, column, rows, columns);
  }
}

// Register picture, AVX-512: 24 sums (12 tiles x 2 blocks of outputs), 2 of weights, 1 input on all lanes. AVX2: 12
// sums (6 tiles x 1 block of two registers). NEON: 24 sums (6 tiles x 1 block of four).
constexpr int kTilesHeld = Vec::held;
static_assert(rmbg::net::kTiles % kTilesHeld == 0);
constexpr int kOutputsHeld = Vec::lanes == kBlock ? 2 : 1;

template <int tiles, int outputs>
void multiply_tiles(const Multiply& job, const float* inputs, const float* weights, float* products) {
  constexpr int parts = kBlock / Vec::lanes;
  Vec sum[tiles][outputs * parts];
#pragma GCC unroll 12
  for (int t = 0; t < tiles; ++t) {
#pragma GCC unroll 16
    for (int i = 0; i < outputs * parts; ++i) {
      const float* old = products + (i / parts) * job.product_output + t * kBlock + (i % parts) * Vec::lanes;
      sum[t][i] = job.add ? Vec::load(old) : Vec::all(0.0f);
      if (i % parts == 0) prefetch(old + rmbg::net::kTiles * kBlock);  // the same of the next product
    }
  }
  for (int block = 0; block < job.blocks; ++block) {
    const float* in = inputs + block * job.input_block;
    const float* weight = weights + block * job.weight_block;
    for (int c = 0; c < kBlock; ++c) {
      Vec w[outputs * parts];
#pragma GCC unroll 16
      for (int i = 0; i < outputs * parts; ++i) {
        const float* at = weight + (i / parts) * job.weight_output + (i % parts) * Vec::lanes;
        w[i] = Vec::load(at);
        if (i % parts == 0) prefetch(at + rmbg::net::kWeightStride);
      }
#pragma GCC unroll 12
      for (int t = 0; t < tiles; ++t) {
        const Vec x = Vec::all(in[t * kBlock]);
#pragma GCC unroll 16
        for (int i = 0; i < outputs * parts; ++i) sum[t][i] = fma(x, w[i], sum[t][i]);
      }
      weight += kBlock;
      ++in;
    }
  }
#pragma GCC unroll 12
  for (int t = 0; t < tiles; ++t) {
#pragma GCC unroll 16
    for (int i = 0; i < outputs * parts; ++i) {
      sum[t][i].store(products + (i / parts) * job.product_output + t * kBlock + (i % parts) * Vec::lanes);
    }
  }
}

// Any number of tiles up to `most`, as its own piece of code.
template <int most, int outputs>
void multiply_some(const Multiply& job, int tiles, const float* inputs, const float* weights, float* products) {
  if constexpr (most > 1) {
    if (tiles < most) return multiply_some<most - 1, outputs>(job, tiles, inputs, weights, products);
  }
  multiply_tiles<most, outputs>(job, inputs, weights, products);
}

template <int outputs>
void multiply_all_tiles(const Multiply& job, const float* weights, float* products) {
  for (int tile = 0; tile < job.tiles; tile += kTilesHeld) {
    const int group = tile / rmbg::net::kTiles;
    const std::ptrdiff_t within = std::ptrdiff_t{tile % rmbg::net::kTiles} * kBlock;
    const int tiles = job.tiles - tile < kTilesHeld ? job.tiles - tile : kTilesHeld;
    multiply_some<kTilesHeld, outputs>(job, tiles, job.inputs + group * job.input_group + within, weights,
                                       products + group * job.product_group + within);
  }
}

void multiply(const Multiply& job) {
  int k = 0;
  for (; k + kOutputsHeld <= job.outputs; k += kOutputsHeld) {
    multiply_all_tiles<kOutputsHeld>(job, job.weights + k * job.weight_output, job.products + k * job.product_output);
  }
  if (k < job.outputs)
    multiply_all_tiles<1>(job, job.weights + k * job.weight_output, job.products + k * job.product_output);
}

}  // namespace
