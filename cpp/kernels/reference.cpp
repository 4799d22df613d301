// The kernels' specification: every output sample straight from its formula. Compiled with the vectoriser off.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/half.hpp"
#include "kernels/kernels.hpp"

namespace rmbg::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();

std::int32_t source_channel(const Picture8& src, std::int32_t plane) {
  if (src.channels == 1) return 0;
  return src.bgr ? 2 - plane : plane;
}

void store(const NormalizedPlanes& out, std::int32_t plane, std::int32_t y, std::int32_t x, float value) {
  const std::ptrdiff_t at = (static_cast<std::ptrdiff_t>(plane) * out.height + y) * out.width + x;
  if (out.half) {
    static_cast<std::uint16_t*>(out.dst)[at] = half_from_float(value);
  } else {
    static_cast<float*>(out.dst)[at] = value;
  }
}

std::int32_t horizontal_pair(const ResizeBilinear& job, std::int32_t row, std::int32_t x, std::int32_t channel) {
  const std::uint8_t* p = job.src.data + row * job.src.stride;
  const std::int32_t weight = job.columns.weight[x];
  const std::int32_t left = job.columns.first[x];
  const std::int32_t right = weight ? left + 1 : left;
  return p[left * job.src.channels + channel] * (job.columns.denominator - weight) +
         p[right * job.src.channels + channel] * weight;
}

void resize_bilinear(const ResizeBilinear& job, std::int32_t row_begin, std::int32_t row_end, void*) {
  const std::int64_t dx = job.columns.denominator;
  const std::int64_t dy = job.rows.denominator;
  const float per_column = 1.0f / static_cast<float>(dx);
  for (std::int32_t plane = 0; plane < 3; ++plane) {
    const std::int32_t channel = source_channel(job.src, plane);
    const float scale = job.out.scale[plane];
    const float bias = job.out.bias[plane];
    for (std::int32_t y = row_begin; y < row_end; ++y) {
      const std::int32_t weight = job.rows.weight[y];
      const std::int32_t upper = job.rows.first[y];
      const std::int32_t lower = weight ? upper + 1 : upper;
      for (std::int32_t x = 0; x < job.out.width; ++x) {
        const std::int32_t h0 = horizontal_pair(job, upper, x, channel);
        const std::int32_t h1 = horizontal_pair(job, lower, x, channel);
        if (job.out.rounding == Rounding::none) {
          const float a = static_cast<float>(h0);
          const float b = static_cast<float>(h1);
          const float v = a + (b - a) * (static_cast<float>(weight) / static_cast<float>(dy));
          store(job.out, plane, y, x, v * (scale * per_column) + bias);
        } else {
          std::int64_t n = h0 * (dy - weight) + static_cast<std::int64_t>(h1) * weight;
          if (job.out.rounding == Rounding::nearest) n += dx * dy / 2;
          const std::int64_t level = n / (dx * dy);
          store(job.out, plane, y, x, static_cast<float>(level) * scale + bias);
        }
      }
    }
  }
}

// The sum over the taps of sample i of an axis, rounded to Q7.
template <typename Sample>
std::int32_t filtered(const FilterAxis& axis, std::int32_t i, Sample sample) {
  const std::int16_t* weights = axis.weights + static_cast<std::ptrdiff_t>(i) * axis.stride;
  std::int32_t sum = 0;
  for (std::int32_t t = 0; t < axis.count[i]; ++t) sum += weights[t] * sample(axis.first[i] + t);
  return sum;
}

// H of one output pixel.
std::int32_t triangle_sum(const ResizeTriangle& job, std::int32_t y, std::int32_t x, std::int32_t channel) {
  const auto byte = [&](std::int32_t row, std::int32_t column) -> std::int32_t {
    return job.src.data[row * job.src.stride + column * job.src.channels + channel];
  };
  if (triangle_columns_first(job)) {
    return filtered(job.rows, y, [&](std::int32_t row) {
      return (filtered(job.columns, x, [&](std::int32_t column) { return byte(row, column); }) + 64) >> 7;
    });
  }
  return filtered(job.columns, x, [&](std::int32_t column) {
    return (filtered(job.rows, y, [&](std::int32_t row) { return byte(row, column); }) + 64) >> 7;
  });
}

void resize_triangle(const ResizeTriangle& job, std::int32_t row_begin, std::int32_t row_end, void*) {
  for (std::int32_t plane = 0; plane < 3; ++plane) {
    const std::int32_t channel = source_channel(job.src, plane);
    const float scale = job.out.scale[plane];
    const float bias = job.out.bias[plane];
    for (std::int32_t y = row_begin; y < row_end; ++y) {
      for (std::int32_t x = 0; x < job.out.width; ++x) {
        const std::int32_t sum = triangle_sum(job, y, x, channel);
        if (job.out.rounding == Rounding::none) {
          store(job.out, plane, y, x, static_cast<float>(sum) * (scale * 0x1p-21f) + bias);
        } else {
          const std::int32_t half = job.out.rounding == Rounding::nearest ? 1 << 20 : 0;
          store(job.out, plane, y, x, static_cast<float>((sum + half) >> 21) * scale + bias);
        }
      }
    }
  }
}

MinMax minmax(const float* data, std::size_t count) {
  MinMax range{kInfinity, -kInfinity};
  for (std::size_t i = 0; i < count; ++i) {
    const float v = data[i];
    if (!(v >= -kLargest && v <= kLargest)) continue;
    if (v < range.lo) range.lo = v;
    if (v > range.hi) range.hi = v;
  }
  return {range.lo + 0.0f, range.hi + 0.0f};  // -0 becomes +0, whatever the order of the values
}

float sigmoid_of(float v) {
  if (std::isnan(v)) return v;
  const float x = std::clamp(-v, -kSigmoidReach, kSigmoidReach);
  const float k = (x * kExpPerLn2 + kExpMagic) - kExpMagic;
  const float r = (x - k * kExpLn2High) - k * kExpLn2Low;
  float q = kExpTerms[4];
  for (int i = 3; i >= 0; --i) q = q * r + kExpTerms[i];
  const float p = ((q * r) * r + r) + 1.0f;
  return 1.0f / (1.0f + p * std::ldexp(1.0f, static_cast<int>(k)));
}

MinMax sigmoid(const float* src, std::size_t count, float* dst) {
  for (std::size_t i = 0; i < count; ++i) dst[i] = sigmoid_of(src[i]);
  return minmax(dst, count);
}

float resample_row(const ResizeMask& job, std::int32_t row, std::int32_t x) {
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

float resample(const ResizeMask& job, std::int32_t y, std::int32_t x) {
  const MaskAxis& axis = job.rows;
  const std::int32_t first = axis.first[y];
  const float a = resample_row(job, first, x);
  if (axis.taps == 1) return a;
  if (axis.taps == 2) {
    const float b = resample_row(job, first + 1 < job.src_height ? first + 1 : first, x);
    return a + (b - a) * axis.weights[y];
  }
  const float* weights = axis.weights + static_cast<std::ptrdiff_t>(y) * axis.taps;
  float sum = weights[0] * a;
  for (std::int32_t t = 1; t < axis.count[y]; ++t) sum = sum + weights[t] * resample_row(job, first + t, x);
  return sum;
}

void resize_mask(const ResizeMask& job, std::int32_t row_begin, std::int32_t row_end, void*) {
  const float top = job.type == MaskType::u8 ? 255.0f : job.type == MaskType::u16 ? 65535.0f : 1.0f;
  const float half = job.nearest ? 0.5f : 0.0f;
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    char* row = static_cast<char*>(job.dst) + y * job.dst_stride;
    for (std::int32_t x = 0; x < job.width; ++x) {
      float q = (resample(job, y, x) - job.lo) * job.gain;
      q = q > 0.0f ? q : 0.0f;
      q = q < top ? q : top;
      if (job.type == MaskType::f32) {
        reinterpret_cast<float*>(row)[x] = q;
      } else if (job.type == MaskType::u16) {
        reinterpret_cast<std::uint16_t*>(row)[x] = static_cast<std::uint16_t>(static_cast<std::int32_t>(q + half));
      } else {
        reinterpret_cast<std::uint8_t*>(row)[x] = static_cast<std::uint8_t>(static_cast<std::int32_t>(q + half));
      }
    }
  }
}

MinMax resize_range(const ResizeMask& job, std::int32_t row_begin, std::int32_t row_end, void*) {
  MinMax range{kInfinity, -kInfinity};
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    for (std::int32_t x = 0; x < job.width; ++x) {
      const float v = resample(job, y, x);
      const MinMax one = minmax(&v, 1);
      if (one.lo < range.lo) range.lo = one.lo;
      if (one.hi > range.hi) range.hi = one.hi;
    }
  }
  return range;
}

std::int32_t level(std::int32_t sum) {
  const std::int32_t v = sum >> 22;
  return v < 0 ? 0 : v > 255 ? 255 : v;
}

std::int32_t level_of_column(const ResizeLevels& job, std::int32_t row, std::int32_t x, std::int32_t channel) {
  const std::uint8_t* p = job.src + row * job.src_stride;
  const std::int32_t* weights = job.columns.weights + static_cast<std::ptrdiff_t>(x) * job.columns.stride;
  std::int32_t sum = 1 << 21;
  for (std::int32_t t = 0; t < job.columns.count[x]; ++t) {
    sum += weights[t] * p[(job.columns.first[x] + t) * job.channels + channel];
  }
  return level(sum);
}

void resize_levels(const ResizeLevels& job, std::int32_t row_begin, std::int32_t row_end, void*) {
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    const std::int32_t* weights = job.rows.weights + static_cast<std::ptrdiff_t>(y) * job.rows.stride;
    for (std::int32_t i = 0; i < job.width * job.channels; ++i) {
      std::int32_t sum = 1 << 21;
      for (std::int32_t t = 0; t < job.rows.count[y]; ++t) {
        sum += weights[t] * level_of_column(job, job.rows.first[y] + t, i / job.channels, i % job.channels);
      }
      job.dst[y * job.dst_stride + i] = static_cast<std::uint8_t>(level(sum));
    }
  }
}

template <typename T>
void blend_pixel(const Blend& job, const T* p, const T* ground, std::uint32_t alpha, T* out) {
  constexpr std::uint32_t top = static_cast<T>(~T{0});
  const std::uint32_t colour[3] = {p[0], job.channels == 1 ? p[0] : p[1], job.channels == 1 ? p[0] : p[2]};
  if (job.channels == 4) alpha = static_cast<std::uint32_t>((std::uint64_t{alpha} * p[3] + top / 2) / top);
  if (job.threshold) alpha = alpha >= static_cast<std::uint32_t>(job.threshold) ? top : 0;
  for (int c = 0; c < 3; ++c) {
    std::uint64_t value = colour[c];
    if (job.mode == BlendMode::straight) {
      if (alpha == 0) value = 0;
    } else {
      const std::uint64_t behind = ground != nullptr ? ground[c] : job.background[c];
      value = (value * alpha + (job.mode == BlendMode::over ? behind * (top - alpha) : 0) + top / 2) / top;
    }
    out[c] = static_cast<T>(value);
  }
  if (job.mode != BlendMode::over) out[3] = static_cast<T>(alpha);
}

// The picture behind pixel x of row y.
template <typename T>
const T* ground_of(const Blend& job, std::int32_t y, std::int32_t x) {
  if (job.behind == nullptr) return nullptr;
  return reinterpret_cast<const T*>(static_cast<const char*>(job.behind) + y * job.behind_stride) + 3 * x;
}

template <typename T>
void blend_rows(const Blend& job, std::int32_t row_begin, std::int32_t row_end) {
  const std::int32_t out_channels = job.mode == BlendMode::over ? 3 : 4;
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    const T* src = reinterpret_cast<const T*>(static_cast<const char*>(job.src) + y * job.src_stride);
    const T* alpha = reinterpret_cast<const T*>(static_cast<const char*>(job.alpha) + y * job.alpha_stride);
    T* dst = reinterpret_cast<T*>(static_cast<char*>(job.dst) + y * job.dst_stride);
    for (std::int32_t x = 0; x < job.width; ++x) {
      blend_pixel(job, src + x * job.channels, ground_of<T>(job, y, x), alpha[x], dst + x * out_channels);
    }
  }
}

void blend(const Blend& job, std::int32_t row_begin, std::int32_t row_end) {
  if (job.wide) {
    blend_rows<std::uint16_t>(job, row_begin, row_end);
  } else {
    blend_rows<std::uint8_t>(job, row_begin, row_end);
  }
}

template <typename T>
void cutout_rows(const ResizeMask& mask, const Blend& mix, std::int32_t row_begin, std::int32_t row_end) {
  const std::int32_t out_channels = mix.mode == BlendMode::over ? 3 : 4;
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    const T* src = reinterpret_cast<const T*>(static_cast<const char*>(mix.src) + y * mix.src_stride);
    T* dst = reinterpret_cast<T*>(static_cast<char*>(mix.dst) + y * mix.dst_stride);
    for (std::int32_t x = 0; x < mix.width; ++x) {
      ResizeMask pixel = mask;  // one pixel of the mask, through the whole formula
      T alpha;
      pixel.type = sizeof(T) == 2 ? MaskType::u16 : MaskType::u8;
      pixel.columns.first += x;
      if (pixel.columns.taps > 1) {
        pixel.columns.weights += static_cast<std::ptrdiff_t>(x) * (pixel.columns.taps == 2 ? 1 : pixel.columns.taps);
      }
      if (pixel.columns.taps > 2) pixel.columns.count += x;
      pixel.width = 1;
      pixel.dst = &alpha;
      pixel.dst_stride = 0;
      resize_mask(pixel, y, y + 1, nullptr);
      blend_pixel(mix, src + x * mix.channels, ground_of<T>(mix, y, x), alpha, dst + x * out_channels);
    }
  }
}

void cutout(const ResizeMask& mask, const Blend& mix, std::int32_t row_begin, std::int32_t row_end, void*) {
  if (mix.wide) {
    cutout_rows<std::uint16_t>(mask, mix, row_begin, row_end);
  } else {
    cutout_rows<std::uint8_t>(mask, mix, row_begin, row_end);
  }
}

// The three fusions; each keeps as many rows in a ring as the next one sees, F' r g b and B' r g b of each pixel.
template <typename T>
struct Fusions {
  static constexpr std::int64_t kTop = static_cast<T>(~T{0});
  const EstimateForeground& job;
  T* rings[3];
  std::int32_t done[3];  // rows from 0 on, or from the first that is wanted on

  std::int32_t ring_rows(int fusion) const { return fusion < 2 ? 2 * job.radii[fusion + 1] + 1 : 1; }
  T* at(int fusion, std::int32_t x, std::int32_t y) const {
    return rings[fusion] + (static_cast<std::ptrdiff_t>(y % ring_rows(fusion)) * job.width + x) * 6;
  }
  std::int64_t alpha(std::int32_t x, std::int32_t y) const {
    return reinterpret_cast<const T*>(static_cast<const char*>(job.alpha) + y * job.alpha_stride)[x];
  }
  std::int64_t picture(std::int32_t x, std::int32_t y, int c) const {
    const T* row = reinterpret_cast<const T*>(static_cast<const char*>(job.src) + y * job.src_stride);
    return row[x * job.channels + (job.channels == 1 ? 0 : c)];
  }
  static std::int64_t weight(std::int64_t a) {
    const std::int64_t square = (a * a + kTop / 2) / kTop;
    return std::min(a, std::max<std::int64_t>(1, (square * a + kTop / 2) / kTop));
  }
  static T sample(float v) {
    const float clamped = std::min(std::max(v, 0.0f), static_cast<float>(kTop));
    return static_cast<T>(static_cast<std::int32_t>(clamped + 0.5f));
  }

  void fuse(int fusion, std::int32_t x, std::int32_t y, int c) const {
    const std::int32_t radius = job.radii[fusion];
    std::int64_t sums[4] = {0, 0, 0, 0};
    for (std::int32_t row = std::max(0, y - radius); row <= std::min(job.height - 1, y + radius); ++row) {
      for (std::int32_t column = std::max(0, x - radius); column <= std::min(job.width - 1, x + radius); ++column) {
        const std::int64_t front = weight(alpha(column, row));
        const std::int64_t behind = weight(kTop - alpha(column, row));
        sums[0] += front * (fusion ? at(fusion - 1, column, row)[c] : picture(column, row, c));
        sums[1] += front;
        sums[2] += behind * (fusion ? at(fusion - 1, column, row)[3 + c] : picture(column, row, c));
        sums[3] += behind;
      }
    }
    const float f = static_cast<float>(sums[0]) / static_cast<float>(std::max<std::int64_t>(1, sums[1]));
    const float g = static_cast<float>(sums[2]) / static_cast<float>(std::max<std::int64_t>(1, sums[3]));
    const float t = static_cast<float>(alpha(x, y)) / static_cast<float>(kTop);
    const float u = 1.0f - t;
    const float e = ((static_cast<float>(picture(x, y, c)) - t * f) - u * g) / (t * t + u * u);
    at(fusion, x, y)[c] = sample(f + t * e);
    at(fusion, x, y)[3 + c] = sample(g + u * e);
  }

  // Makes the rows up to `last`, and first those of the fusion before that they are made of.
  void make_rows(int fusion, std::int32_t last) {
    for (; done[fusion] <= std::min(last, job.height - 1); ++done[fusion]) {
      const std::int32_t y = done[fusion];
      if (fusion) make_rows(fusion - 1, y + job.radii[fusion]);
      for (std::int32_t x = 0; x < job.width; ++x) {
        for (int c = 0; c < 3; ++c) fuse(fusion, x, y, c);
      }
    }
  }
};

template <typename T>
void estimate_foreground_rows(const EstimateForeground& job, std::int32_t row_begin, std::int32_t row_end, T* scratch) {
  Fusions<T> fusions{job, {}, {}};
  for (int fusion = 2, reach = 0; fusion >= 0; reach += job.radii[fusion--]) {
    fusions.rings[fusion] = scratch;
    fusions.done[fusion] = std::max(0, row_begin - reach);
    scratch += static_cast<std::ptrdiff_t>(fusions.ring_rows(fusion)) * job.width * 6;
  }
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    fusions.make_rows(2, y);
    T* dst = reinterpret_cast<T*>(static_cast<char*>(job.dst) + y * job.dst_stride);
    for (std::int32_t x = 0; x < job.width; ++x) {
      for (int c = 0; c < 3; ++c) dst[3 * x + c] = fusions.alpha(x, y) == 0 ? T{0} : fusions.at(2, x, y)[c];
    }
  }
}

void estimate_foreground(const EstimateForeground& job, std::int32_t row_begin, std::int32_t row_end, void* scratch) {
  if (job.wide) {
    estimate_foreground_rows(job, row_begin, row_end, static_cast<std::uint16_t*>(scratch));
  } else {
    estimate_foreground_rows(job, row_begin, row_end, static_cast<std::uint8_t*>(scratch));
  }
}

void pack(const Pack& job, std::int32_t row_begin, std::int32_t row_end) {
  const std::ptrdiff_t size = job.wide ? 2 : 1;
  for (std::int32_t y = row_begin; y < row_end; ++y) {
    char* to = static_cast<char*>(job.dst) + y * job.dst_stride;
    for (std::int32_t x = 0; x < job.width; ++x) {
      for (std::int32_t c = 0; c < job.channels; ++c) {
        const char* from =
            static_cast<const char*>(job.src) + y * job.src_stride + x * job.pixel_stride + c * job.channel_stride;
        if (job.narrow) {
          std::uint16_t v = 0;
          std::memcpy(&v, from, 2);
          *to++ = static_cast<char>((v * 255u + 32767u) / 65535u);
        } else {
          std::memcpy(to, from, static_cast<std::size_t>(size));
          to += size;
        }
      }
    }
  }
}

}  // namespace

constinit const KernelTable reference_table = {
    .name = "reference",
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

}  // namespace rmbg::kernels
