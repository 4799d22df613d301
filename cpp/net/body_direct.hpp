// Convolution tap by tap: what Winograd does not fit (strides, other windows, pictures in, masks out).
#pragma once

#include "net/finish.hpp"
#include "net/kernels.hpp"

namespace {

using rmbg::net::Direct;
using rmbg::net::Dot;
using rmbg::net::kBlock;
using rmbg::net::Span;

// Register picture as of multiply: 12 pixels x 2 blocks with AVX-512, 6 x 1 with AVX2 and NEON.
template <int pixels, int outputs>
void direct_pixels(const Direct& job, int first_pixel, int first_output) {
  constexpr int parts = kBlock / Vec::lanes;
  Vec sum[pixels][outputs * parts];
#pragma GCC unroll 12
  for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 16
    for (int i = 0; i < outputs * parts; ++i) sum[p][i] = Vec::all(0.0f);
  }
  const float* group_weights = job.weights + first_output * job.weight_block;
  for (int s = 0; s < job.span_count; ++s) {
    const Span& span = job.spans[s];
    const float* group = span.data + first_pixel * span.pixel;
    for (int g = 0; g < span.groups; ++g) {
      for (int y = 0; y < job.rows; ++y) {
        for (int x = 0; x < job.columns; ++x) {
          const float* in = group + y * span.row + x * span.column;
          const float* weights = group_weights + y * job.weight_row + x * kBlock;
          for (int c = 0; c < span.lanes; ++c) {
            Vec w[outputs * parts];
#pragma GCC unroll 16
            for (int i = 0; i < outputs * parts; ++i) {
              w[i] = Vec::load(weights + (i / parts) * job.weight_block + (i % parts) * Vec::lanes);
            }
#pragma GCC unroll 12
            for (int p = 0; p < pixels; ++p) {
              const Vec value = Vec::all(in[p * span.pixel]);
#pragma GCC unroll 16
              for (int i = 0; i < outputs * parts; ++i) sum[p][i] = fma(value, w[i], sum[p][i]);
            }
            weights += job.taps * kBlock;
            in += span.lane;
          }
        }
      }
      group += span.group;
      group_weights += span.lanes * job.taps * kBlock;
    }
  }
  for (int i = 0; i < outputs * parts; ++i) {
    const int lane = (i % parts) * Vec::lanes;
    const Finisher end(job.finish[first_output + i / parts], lane);
#pragma GCC unroll 12
    for (int p = 0; p < pixels; ++p) {
      const std::ptrdiff_t at = (first_pixel + p) * kBlock + lane;
      end(sum[p][i], at).store(job.out + (first_output + i / parts) * job.out_block + at);
    }
  }
}

template <int most, int outputs>
void direct_some(const Direct& job, int pixels, int first_pixel, int first_output) {
  if constexpr (most > 1) {
    if (pixels < most) return direct_some<most - 1, outputs>(job, pixels, first_pixel, first_output);
  }
  direct_pixels<most, outputs>(job, first_pixel, first_output);
}

void direct(const Direct& job) {
  constexpr int side = Vec::held;
  constexpr int wide = Vec::lanes == kBlock ? 2 : 1;
  for (int k = 0; k < job.outputs;) {
    const bool both = wide == 2 && job.outputs - k == 2;
    for (int p = 0; p < job.pixels; p += side) {
      const int pixels = job.pixels - p < side ? job.pixels - p : side;
      if (both) {
        direct_some<side, wide>(job, pixels, p, k);
      } else {
        direct_some<side, 1>(job, pixels, p, k);
      }
    }
    k += both ? 2 : 1;
  }
}

// The sum of 16 lanes, always in the same order.
inline float sum_of(const float lanes[kBlock]) {
  float half[8];
  for (int i = 0; i < 8; ++i) half[i] = lanes[i] + lanes[i + 8];
  return ((half[0] + half[4]) + (half[1] + half[5])) + ((half[2] + half[6]) + (half[3] + half[7]));
}

template <int pixels>
void dot_pixels(const Dot& job, int first) {
  constexpr int parts = kBlock / Vec::lanes;
  Vec sum[pixels][parts];
  for (int p = 0; p < pixels; ++p) {
    for (int i = 0; i < parts; ++i) sum[p][i] = Vec::all(0.0f);
  }
  const float* group_weights = job.weights;
  for (int s = 0; s < job.span_count; ++s) {
    const Span& span = job.spans[s];
    const float* group = span.data + first * span.pixel;
    for (int g = 0; g < span.groups; ++g) {
      for (int y = 0; y < job.rows; ++y) {
        for (int x = 0; x < job.columns; ++x) {
          const float* in = group + y * span.row + x * span.column;
          const float* weights = group_weights + y * job.weight_row + x * job.weight_column;
          for (int i = 0; i < parts; ++i) {
            const Vec w = Vec::load(weights + i * Vec::lanes);
#pragma GCC unroll 4
            for (int p = 0; p < pixels; ++p) {
              sum[p][i] = fma(Vec::load(in + p * span.pixel + i * Vec::lanes), w, sum[p][i]);
            }
          }
        }
      }
      group += span.group;
      group_weights += kBlock;
    }
  }
  for (int p = 0; p < pixels; ++p) {
    float lanes[kBlock];
    for (int i = 0; i < parts; ++i) sum[p][i].store(lanes + i * Vec::lanes);
    const float y = sum_of(lanes) + job.bias;
    const float floor = job.clamp.low > y ? job.clamp.low : y;
    job.out[first + p] = job.clamp.high < floor ? job.clamp.high : floor;
  }
}

void dot(const Dot& job) {
  constexpr int together = 4;
  int p = 0;
  for (; p + together <= job.pixels; p += together) dot_pixels<together>(job, p);
  for (; p < job.pixels; ++p) dot_pixels<1>(job, p);
}

}  // namespace
