// A deformable convolution's samples, and the end of its sums. The products between are those of body_winograd.
#pragma once

#include "net/finish.hpp"
#include "net/kernels.hpp"

namespace {

using rmbg::net::Finish;
using rmbg::net::kBlock;
using rmbg::net::Neighbours;

void gather(const float* in, std::ptrdiff_t block, int blocks, const Neighbours* points, int count, float* out,
            std::ptrdiff_t out_block) {
  for (int i = 0; i < count; ++i) {
    const Neighbours& point = points[i];
    const float* from[4];
    Vec weight[4];
    for (int n = 0; n < 4; ++n) {
      from[n] = in + std::ptrdiff_t{point.pixel[n]} * kBlock;
      weight[n] = Vec::all(point.weight[n]);
    }
    float* to = out + i * kBlock;
    for (int b = 0; b < blocks; ++b) {
      for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
        const std::ptrdiff_t at = b * block + lane;
        Vec sum = Vec::load(from[0] + at) * weight[0];
        for (int n = 1; n < 4; ++n) sum = fma(Vec::load(from[n] + at), weight[n], sum);
        sum.store(to + b * out_block + lane);
      }
    }
  }
}

void finish(const float* sums, const Finish& finish, float* out, int count) {
  for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
    const Finisher end(finish, lane);
    for (std::ptrdiff_t at = lane; at < std::ptrdiff_t{count} * kBlock; at += kBlock) {
      end(Vec::load(sums + at), at).store(out + at);
    }
  }
}

}  // namespace
