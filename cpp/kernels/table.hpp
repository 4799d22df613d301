// The table of a tier, of the bodies as its file compiles them.
#pragma once

#include "kernels/body_blend.hpp"
#include "kernels/body_cutout.hpp"
#include "kernels/body_foreground.hpp"
#include "kernels/body_minmax.hpp"
#include "kernels/body_pack.hpp"
#include "kernels/body_resize_bilinear.hpp"
#include "kernels/body_resize_levels.hpp"
#include "kernels/body_resize_mask.hpp"
#include "kernels/body_resize_triangle.hpp"
#include "kernels/body_sigmoid.hpp"
#include "kernels/kernels.hpp"

namespace {

constexpr rmbg::kernels::KernelTable table(const char* name) {
  return {
      .name = name,
      .resize_bilinear = resize_bilinear,
      .resize_triangle = resize_triangle,
      .resize_levels = resize_levels,
      .minmax = minmax,
      .sigmoid = sigmoid,
      .resize_mask = resize_mask,
      .resize_range = resize_range,
      .blend = blend,
      .cutout = cutout,
      .estimate_foreground = estimate_foreground,
      .pack = pack,
  };
}

}  // namespace
