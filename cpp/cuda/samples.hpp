// The kernels for a GPU: what one thread does, as plain C++ that nvcc and every host compiler take. The jobs are those
// of kernels/kernels.hpp with pointers into the device's memory, the formulas theirs, and so are the bits: kernels.cu
// is compiled without contraction. `run(job, x, y)` makes what stands at column x of row y.
#pragma once

#include "core/half.hpp"
#include "kernels/kernels.hpp"
#include "kernels/sigmoid.hpp"

#ifdef __CUDACC__
#define RMBG_DEVICE __device__ inline
#else
#define RMBG_DEVICE inline
#endif

namespace rmbg::cuda {

using kernels::Blend;
using kernels::BlendMode;
using kernels::MaskAxis;
using kernels::MaskType;
using kernels::NormalizedPlanes;
using kernels::Pack;
using kernels::Picture8;
using kernels::ResizeBilinear;
using kernels::ResizeLevels;
using kernels::ResizeMask;
using kernels::ResizeTriangle;
using kernels::Rounding;

// One thread of a strip goes down so many rows: fewer threads meet at the result.
constexpr std::int32_t kStripRows = 32;
constexpr std::int32_t strips(std::int32_t height) { return (height + kStripRows - 1) / kStripRows; }

// Floats as integers of the same order: of a range, the smallest and the largest; no finite value: {~0, 0}.
struct RangeKeys {
  std::uint32_t lo;
  std::uint32_t hi;
};
constexpr std::uint32_t key_of(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v + 0.0f);  // -0 becomes +0
  return (bits >> 31) ? ~bits : bits | 0x80000000u;
}
constexpr float value_of(std::uint32_t key) { return std::bit_cast<float>((key >> 31) ? key & 0x7fffffffu : ~key); }

// The range of a packed plane; y counts strips. `keys` starts as {~0, 0}.
struct PlaneRange {
  const float* data;
  std::int32_t width;
  std::int32_t height;
  RangeKeys* keys;
};

// resize_range; y counts strips of the result's rows.
struct ResizedRange {
  ResizeMask mask;
  RangeKeys* keys;
};

// What the model gives as float32: from binary16 with `half`, and through kernels.hpp's sigmoid with `sigmoid`.
struct Activation {
  const void* src;
  float* dst;
  std::int32_t width;
  bool half;
  bool sigmoid;
};

// Sum of clamp((v - lo) * gain, 0, 1) * 2^24, each rounded; NaN counts as 0. The sum of all kSums is it; y counts
// strips. Integers, so that it is the same whatever the order.
struct Coverage {
  static constexpr std::int32_t kSums = 64;
  const float* data;
  std::int32_t width;
  std::int32_t height;
  float lo;
  float gain;
  unsigned long long* sums;
};

// kernels.hpp's cutout: the blend's alpha is the mask's at that place.
struct Cutout {
  ResizeMask mask;
  Blend mix;
};

// Columns [left, right) and rows [top, bottom). Starts as {~0, ~0, 0, 0}.
struct BoxSides {
  std::uint32_t left;
  std::uint32_t top;
  std::uint32_t right;
  std::uint32_t bottom;
};

// Where resize_mask's result is above 1/255 of its top, or `alpha`, packed bytes of its size, where that is not null; y
// counts strips.
struct SubjectBox {
  ResizeMask mask;
  const std::uint8_t* alpha;
  BoxSides* sides;
};

// Every kernel: its name and its job.
#define RMBG_DEVICE_KERNELS(KERNEL)       \
  KERNEL(pack, Pack)                      \
  KERNEL(resize_bilinear, ResizeBilinear) \
  KERNEL(resize_triangle, ResizeTriangle) \
  KERNEL(resize_levels, ResizeLevels)     \
  KERNEL(plane_range, PlaneRange)         \
  KERNEL(resized_range, ResizedRange)     \
  KERNEL(activation, Activation)          \
  KERNEL(coverage, Coverage)              \
  KERNEL(resize_mask, ResizeMask)         \
  KERNEL(blend, Blend)                    \
  KERNEL(cutout, Cutout)                  \
  KERNEL(subject_box, SubjectBox)

// --- the picture to the model's tensor ---

RMBG_DEVICE std::int32_t source_channel(const Picture8& src, std::int32_t plane) {
  return src.channels == 1 ? 0 : src.bgr ? 2 - plane : plane;
}

RMBG_DEVICE void store(const NormalizedPlanes& out, std::int32_t plane, std::int32_t x, std::int32_t y, float value) {
  const std::ptrdiff_t at = (static_cast<std::ptrdiff_t>(plane) * out.height + y) * out.width + x;
  if (out.half) {
    static_cast<std::uint16_t*>(out.dst)[at] = half_from_float(value);
  } else {
    static_cast<float*>(out.dst)[at] = value;
  }
}

RMBG_DEVICE void run(const Pack& job, std::int32_t x, std::int32_t y) {
  const char* from = static_cast<const char*>(job.src) + y * job.src_stride + x * job.pixel_stride;
  const std::int32_t size = job.wide && !job.narrow ? 2 : 1;
  char* to = static_cast<char*>(job.dst) + y * job.dst_stride + static_cast<std::ptrdiff_t>(x) * job.channels * size;
  for (std::int32_t c = 0; c < job.channels; ++c, from += job.channel_stride, to += size) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(from);
    if (job.narrow) {
      const std::uint32_t v = bytes[0] | static_cast<std::uint32_t>(bytes[1]) << 8;
      *to = static_cast<char>((v * 255u + 32767u) / 65535u);
    } else {
      for (std::int32_t i = 0; i < size; ++i) to[i] = from[i];
    }
  }
}

RMBG_DEVICE void run(const ResizeBilinear& job, std::int32_t x, std::int32_t y) {
  const std::int32_t dx = job.columns.denominator;
  const std::int64_t dy = job.rows.denominator;
  const std::int32_t wx = job.columns.weight[x];
  const std::int32_t wy = job.rows.weight[y];
  const std::uint8_t* left = job.src.data + static_cast<std::ptrdiff_t>(job.columns.first[x]) * job.src.channels;
  const std::uint8_t* right = wx ? left + job.src.channels : left;
  const std::ptrdiff_t upper = job.rows.first[y] * job.src.stride;
  const std::ptrdiff_t lower = wy ? upper + job.src.stride : upper;
  for (std::int32_t plane = 0; plane < 3; ++plane) {
    const std::int32_t c = source_channel(job.src, plane);
    const std::int32_t h0 = left[upper + c] * (dx - wx) + right[upper + c] * wx;
    const std::int32_t h1 = left[lower + c] * (dx - wx) + right[lower + c] * wx;
    const float scale = job.out.scale[plane];
    const float bias = job.out.bias[plane];
    if (job.out.rounding == Rounding::none) {
      const float a = static_cast<float>(h0);
      const float b = static_cast<float>(h1);
      const float v = a + (b - a) * (static_cast<float>(wy) / static_cast<float>(dy));
      store(job.out, plane, x, y, v * (scale * (1.0f / static_cast<float>(dx))) + bias);
    } else {
      std::int64_t n = h0 * (dy - wy) + static_cast<std::int64_t>(h1) * wy;
      if (job.out.rounding == Rounding::nearest) n += dx * dy / 2;
      const std::int64_t level = n / (dx * dy);
      store(job.out, plane, x, y, static_cast<float>(level) * scale + bias);
    }
  }
}

RMBG_DEVICE void run(const ResizeTriangle& job, std::int32_t x, std::int32_t y) {
  const bool columns_first = kernels::triangle_columns_first(job);
  const std::int16_t* column_weights = job.columns.weights + static_cast<std::ptrdiff_t>(x) * job.columns.stride;
  const std::int16_t* row_weights = job.rows.weights + static_cast<std::ptrdiff_t>(y) * job.rows.stride;
  const std::int32_t columns = job.columns.count[x];
  const std::int32_t rows = job.rows.count[y];
  const std::int32_t step = job.src.channels;
  const std::uint8_t* corner =
      job.src.data + job.rows.first[y] * job.src.stride + static_cast<std::ptrdiff_t>(job.columns.first[x]) * step;
  const std::int32_t outer = columns_first ? rows : columns;
  const std::int32_t inner = columns_first ? columns : rows;
  const std::ptrdiff_t outer_step = columns_first ? job.src.stride : step;
  const std::ptrdiff_t inner_step = columns_first ? step : job.src.stride;
  const std::int16_t* outer_weights = columns_first ? row_weights : column_weights;
  const std::int16_t* inner_weights = columns_first ? column_weights : row_weights;
  const std::int32_t channel[3] = {source_channel(job.src, 0), source_channel(job.src, 1), source_channel(job.src, 2)};
  std::int32_t sums[3] = {0, 0, 0};
  for (std::int32_t i = 0; i < outer; ++i) {
    const std::uint8_t* p = corner + i * outer_step;
    std::int32_t part[3] = {64, 64, 64};
    for (std::int32_t k = 0; k < inner; ++k, p += inner_step) {
      const std::int32_t w = inner_weights[k];
      part[0] += w * p[channel[0]];
      part[1] += w * p[channel[1]];
      part[2] += w * p[channel[2]];
    }
    for (std::int32_t c = 0; c < 3; ++c) sums[c] += outer_weights[i] * (part[c] >> 7);
  }
  const std::int32_t half = job.out.rounding == Rounding::nearest ? 1 << 20 : 0;
  for (std::int32_t plane = 0; plane < 3; ++plane) {
    const float scale = job.out.scale[plane];
    const float bias = job.out.bias[plane];
    store(job.out, plane, x, y,
          job.out.rounding == Rounding::none ? static_cast<float>(sums[plane]) * (scale * 0x1p-21f) + bias
                                             : static_cast<float>((sums[plane] + half) >> 21) * scale + bias);
  }
}

RMBG_DEVICE std::int32_t level(std::int32_t sum) {
  const std::int32_t v = sum >> 22;
  return v < 0 ? 0 : v > 255 ? 255 : v;
}

RMBG_DEVICE void run(const ResizeLevels& job, std::int32_t x, std::int32_t y) {
  const std::int32_t* column_weights = job.columns.weights + static_cast<std::ptrdiff_t>(x) * job.columns.stride;
  const std::int32_t* row_weights = job.rows.weights + static_cast<std::ptrdiff_t>(y) * job.rows.stride;
  const std::uint8_t* corner =
      job.src + job.rows.first[y] * job.src_stride + static_cast<std::ptrdiff_t>(job.columns.first[x]) * job.channels;
  for (std::int32_t c = 0; c < job.channels; ++c) {
    std::int32_t sum = 1 << 21;
    for (std::int32_t i = 0; i < job.rows.count[y]; ++i) {
      const std::uint8_t* p = corner + i * job.src_stride + c;
      std::int32_t part = 1 << 21;
      for (std::int32_t k = 0; k < job.columns.count[x]; ++k) part += column_weights[k] * p[k * job.channels];
      sum += row_weights[i] * level(part);
    }
    job.dst[y * job.dst_stride + static_cast<std::ptrdiff_t>(x) * job.channels + c] =
        static_cast<std::uint8_t>(level(sum));
  }
}

// --- the model's mask ---

RMBG_DEVICE bool is_finite(float v) { return v - v == 0.0f; }

// Threads of a host run one after the other.
RMBG_DEVICE void widen(RangeKeys* keys, const RangeKeys& with) {
#ifdef __CUDACC__
  const volatile RangeKeys* known = keys;  // may be old: then once more than needed
  if (with.lo < known->lo) atomicMin(&keys->lo, with.lo);
  if (with.hi > known->hi) atomicMax(&keys->hi, with.hi);
#else
  if (with.lo < keys->lo) keys->lo = with.lo;
  if (with.hi > keys->hi) keys->hi = with.hi;
#endif
}

RMBG_DEVICE void take_in(RangeKeys& range, float v) {
  if (!is_finite(v)) return;
  const std::uint32_t key = key_of(v);
  if (key < range.lo) range.lo = key;
  if (key > range.hi) range.hi = key;
}

RMBG_DEVICE std::int32_t strip_end(std::int32_t strip, std::int32_t height) {
  const std::int32_t end = (strip + 1) * kStripRows;
  return end < height ? end : height;
}

RMBG_DEVICE void run(const PlaneRange& job, std::int32_t x, std::int32_t strip) {
  RangeKeys range{~0u, 0u};
  for (std::int32_t y = strip * kStripRows; y < strip_end(strip, job.height); ++y) {
    take_in(range, job.data[static_cast<std::ptrdiff_t>(y) * job.width + x]);
  }
  widen(job.keys, range);
}

RMBG_DEVICE float resampled_row(const ResizeMask& job, std::int32_t row, std::int32_t x) {
  const float* p = job.src + static_cast<std::ptrdiff_t>(row) * job.src_width;
  const MaskAxis& axis = job.columns;
  const std::int32_t first = axis.first[x];
  if (axis.taps == 1) return p[first];
  if (axis.taps == 2) {
    const float b = p[first + 1 < job.src_width ? first + 1 : first];
    return p[first] + (b - p[first]) * axis.weights[x];
  }
  const float* weights = axis.weights + static_cast<std::ptrdiff_t>(x) * axis.taps;
  float sum = weights[0] * p[first];
  for (std::int32_t t = 1; t < axis.count[x]; ++t) sum = sum + weights[t] * p[first + t];
  return sum;
}

RMBG_DEVICE float resampled(const ResizeMask& job, std::int32_t x, std::int32_t y) {
  const MaskAxis& axis = job.rows;
  const std::int32_t first = axis.first[y];
  const float a = resampled_row(job, first, x);
  if (axis.taps == 1) return a;
  if (axis.taps == 2) {
    const float b = resampled_row(job, first + 1 < job.src_height ? first + 1 : first, x);
    return a + (b - a) * axis.weights[y];
  }
  const float* weights = axis.weights + static_cast<std::ptrdiff_t>(y) * axis.taps;
  float sum = weights[0] * a;
  for (std::int32_t t = 1; t < axis.count[y]; ++t) sum = sum + weights[t] * resampled_row(job, first + t, x);
  return sum;
}

RMBG_DEVICE void run(const ResizedRange& job, std::int32_t x, std::int32_t strip) {
  RangeKeys range{~0u, 0u};
  for (std::int32_t y = strip * kStripRows; y < strip_end(strip, job.mask.height); ++y) {
    take_in(range, resampled(job.mask, x, y));
  }
  widen(job.keys, range);
}

RMBG_DEVICE void run(const Activation& job, std::int32_t x, std::int32_t y) {
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(y) * job.width + x;
  float v =
      job.half ? half_to_float(static_cast<const std::uint16_t*>(job.src)[at]) : static_cast<const float*>(job.src)[at];
  if (job.sigmoid && v == v) v = sigmoid_of(sigmoid_clamped(v));
  job.dst[at] = v;
}

RMBG_DEVICE void run(const Coverage& job, std::int32_t x, std::int32_t strip) {
  unsigned long long sum = 0;
  for (std::int32_t y = strip * kStripRows; y < strip_end(strip, job.height); ++y) {
    const float q = (job.data[static_cast<std::ptrdiff_t>(y) * job.width + x] - job.lo) * job.gain;
    const float positive = q > 0.0f ? q : 0.0f;
    sum += static_cast<unsigned long long>((positive < 1.0f ? positive : 1.0f) * 0x1p24f + 0.5f);
  }
#ifdef __CUDACC__
  atomicAdd(job.sums + x % Coverage::kSums, sum);
#else
  job.sums[x % Coverage::kSums] += sum;
#endif
}

// --- the mask to alpha, and the cut-out ---

RMBG_DEVICE float scaled(const ResizeMask& job, std::int32_t x, std::int32_t y, float top) {
  float q = (resampled(job, x, y) - job.lo) * job.gain;
  q = q > 0.0f ? q : 0.0f;
  return q < top ? q : top;
}

RMBG_DEVICE std::int32_t level_of(const ResizeMask& job, std::int32_t x, std::int32_t y, float top) {
  return static_cast<std::int32_t>(scaled(job, x, y, top) + (job.nearest ? 0.5f : 0.0f));
}

RMBG_DEVICE void run(const ResizeMask& job, std::int32_t x, std::int32_t y) {
  char* row = static_cast<char*>(job.dst) + y * job.dst_stride;
  if (job.type == MaskType::f32) {
    reinterpret_cast<float*>(row)[x] = scaled(job, x, y, 1.0f);
  } else if (job.type == MaskType::u16) {
    reinterpret_cast<std::uint16_t*>(row)[x] = static_cast<std::uint16_t>(level_of(job, x, y, 65535.0f));
  } else {
    reinterpret_cast<std::uint8_t*>(row)[x] = static_cast<std::uint8_t>(level_of(job, x, y, 255.0f));
  }
}

template <typename T>
RMBG_DEVICE void blend_pixel(const Blend& mix, std::uint32_t alpha, std::int32_t x, std::int32_t y) {
  constexpr std::uint32_t top = static_cast<T>(~T{0});
  const std::int32_t out_channels = mix.mode == BlendMode::over ? 3 : 4;
  const T* p = reinterpret_cast<const T*>(static_cast<const char*>(mix.src) + y * mix.src_stride) +
               static_cast<std::ptrdiff_t>(x) * mix.channels;
  T* out = reinterpret_cast<T*>(static_cast<char*>(mix.dst) + y * mix.dst_stride) +
           static_cast<std::ptrdiff_t>(x) * out_channels;
  const T* ground = nullptr;
  if (mix.behind != nullptr) {
    ground = reinterpret_cast<const T*>(static_cast<const char*>(mix.behind) + y * mix.behind_stride) +
             static_cast<std::ptrdiff_t>(x) * 3;
  }
  if (mix.channels == 4) alpha = static_cast<std::uint32_t>((std::uint64_t{alpha} * p[3] + top / 2) / top);
  if (mix.threshold) alpha = alpha >= static_cast<std::uint32_t>(mix.threshold) ? top : 0;
  for (std::int32_t c = 0; c < 3; ++c) {
    std::uint64_t value = p[mix.channels == 1 ? 0 : c];
    if (mix.mode == BlendMode::straight) {
      if (alpha == 0) value = 0;
    } else {
      const std::uint64_t behind = ground != nullptr ? ground[c] : mix.background[c];
      value = (value * alpha + (mix.mode == BlendMode::over ? behind * (top - alpha) : 0) + top / 2) / top;
    }
    out[c] = static_cast<T>(value);
  }
  if (out_channels == 4) out[3] = static_cast<T>(alpha);
}

RMBG_DEVICE void run(const Blend& job, std::int32_t x, std::int32_t y) {
  const char* row = static_cast<const char*>(job.alpha) + y * job.alpha_stride;
  if (job.wide) {
    blend_pixel<std::uint16_t>(job, reinterpret_cast<const std::uint16_t*>(row)[x], x, y);
  } else {
    blend_pixel<std::uint8_t>(job, reinterpret_cast<const std::uint8_t*>(row)[x], x, y);
  }
}

RMBG_DEVICE void run(const Cutout& job, std::int32_t x, std::int32_t y) {
  const float top = job.mix.wide ? 65535.0f : 255.0f;
  const auto alpha = static_cast<std::uint32_t>(level_of(job.mask, x, y, top));
  if (job.mix.wide) {
    blend_pixel<std::uint16_t>(job.mix, alpha, x, y);
  } else {
    blend_pixel<std::uint8_t>(job.mix, alpha, x, y);
  }
}

RMBG_DEVICE bool shows(const SubjectBox& job, std::int32_t x, std::int32_t y) {
  const ResizeMask& mask = job.mask;
  if (job.alpha != nullptr) return job.alpha[static_cast<std::ptrdiff_t>(y) * mask.width + x] > 1;
  const bool real = mask.type == MaskType::f32;
  const float v = scaled(mask, x, y, real ? 1.0f : mask.type == MaskType::u16 ? 65535.0f : 255.0f);
  if (real) return v > 1.0f / 255.0f;
  return static_cast<std::int32_t>(v + (mask.nearest ? 0.5f : 0.0f)) > (mask.type == MaskType::u16 ? 257 : 1);
}

RMBG_DEVICE void run(const SubjectBox& job, std::int32_t x, std::int32_t strip) {
  const std::int32_t end = strip_end(strip, job.mask.height);
  std::int32_t top = strip * kStripRows;
  while (top < end && !shows(job, x, top)) ++top;
  if (top == end) return;
  std::int32_t bottom = end;
  while (!shows(job, x, bottom - 1)) --bottom;
  const BoxSides with{static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(top), static_cast<std::uint32_t>(x) + 1,
                      static_cast<std::uint32_t>(bottom)};
#ifdef __CUDACC__
  const volatile BoxSides* known = job.sides;  // may be old: then once more than needed
  if (with.left < known->left) atomicMin(&job.sides->left, with.left);
  if (with.top < known->top) atomicMin(&job.sides->top, with.top);
  if (with.right > known->right) atomicMax(&job.sides->right, with.right);
  if (with.bottom > known->bottom) atomicMax(&job.sides->bottom, with.bottom);
#else
  if (with.left < job.sides->left) job.sides->left = with.left;
  if (with.top < job.sides->top) job.sides->top = with.top;
  if (with.right > job.sides->right) job.sides->right = with.right;
  if (with.bottom > job.sides->bottom) job.sides->bottom = with.bottom;
#endif
}

}  // namespace rmbg::cuda
