// The words and views that all steps of the pipeline share.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.hpp"

namespace rmbg {

constexpr std::int32_t kMaxModelSide = 16383;  // 2 * side must fit the 16-bit weights of kernels::BilinearAxis

// How a picture gets to the model's size. bilinear: 2 taps, no antialias, half-pixel or top-left centres; triangle:
// antialiased, one rounding at the end; pillow_*: Pillow's 8-bit resampler, bit for bit.
enum class Resample { bilinear, bilinear_topleft, triangle, pillow_bilinear, pillow_bicubic, pillow_lanczos };

// How a mask gets to the image's size. bilinear: 2 taps, half-pixel centres, no antialias; bilinear_topleft: the same
// with Centres::topleft; bilinear_corners: 2 taps, the corner samples of both coincide (torch's align_corners=True);
// nearest: the sample under the output's centre; bicubic: Filter::bicubic. pillow_*: 8-bit levels through
// resize_levels, other samples in float with the same filter.
enum class MaskResample {
  bilinear,
  bilinear_topleft,
  bilinear_corners,
  bicubic,
  nearest,
  pillow_bilinear,
  pillow_bicubic,
  pillow_lanczos
};

// When the mask is stretched to its own range: never, before or after it is resized to the image.
enum class MinMaxOrder { none, before, after };

// A model's mask.
struct Mask {
  const float* data;  // height * width, packed
  std::int32_t width;
  std::int32_t height;
};

// Columns [left, right) and rows [top, bottom) of a picture.
struct Box {
  std::int32_t left;
  std::int32_t top;
  std::int32_t right;
  std::int32_t bottom;
};

// An alpha: `height` rows of `width` samples of `type`, `stride` bytes apart.
struct Plane {
  void* data;
  std::int32_t width;
  std::int32_t height;
  std::ptrdiff_t stride;
  kernels::MaskType type;
};

// What takes a mask's values to 0..top: (v - lo) * gain.
struct Scaling {
  float lo;
  float gain;
};

struct BlendOptions {
  kernels::BlendMode mode = kernels::BlendMode::straight;
  std::int32_t threshold = 0;               // in the picture's samples, 0: none
  std::uint16_t background[3] = {0, 0, 0};  // in the picture's samples
  const void* behind = nullptr;             // packed rows of RGB in its place, of the picture's size and samples
  std::ptrdiff_t behind_stride = 0;
};

}  // namespace rmbg
