// The kernels and their contracts. One KernelTable per tier; all tiers give the same bits.
//
// Common to all: a job describes whole planes; a call works on the output rows [row_begin, row_end) only, so that
// callers split a picture into bands for threads and caches. Nothing is allocated, thrown, printed or timed. Source and
// destination never overlap. Float formulas are evaluated in float32, one rounding for each operation written down,
// never contracted.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rmbg::kernels {

// How a resized value on the 0..255 scale becomes the one that is normalised.
enum class Rounding : std::int32_t {
  none,      // kept as it is
  truncate,  // floor, as a cast to uint8 does (IS-Net's and RMBG-1.4's official code)
  nearest,   // floor(v + 1/2), as Pillow's 8-bit results are
};

// Where a resized picture goes: three planes (NCHW, N = 1), dst[c][y][x] = v * scale[c] + bias[c].
struct NormalizedPlanes {
  std::int32_t width;
  std::int32_t height;
  float scale[3];
  float bias[3];
  Rounding rounding;
  bool half;  // dst holds IEEE binary16 (the float32 result rounded to nearest even) instead of float32
  void* dst;  // 3 * height * width elements
};

// uint8 rows in. Plane c takes channel c, or 2 - c with `bgr`, or the only channel of a grey picture; a 4th channel is
// ignored.
struct Picture8 {
  const std::uint8_t* data;
  std::ptrdiff_t stride;
  std::int32_t width;
  std::int32_t height;
  std::int32_t channels;
  bool bgr;
};

// pack: dst[y][x][c] = the sample at src + y * src_stride + x * pixel_stride + c * channel_stride, any strides, any
// address. With `narrow` 16-bit samples become bytes, v / 257 rounded.
struct Pack {
  const void* src;
  std::ptrdiff_t src_stride;
  std::ptrdiff_t pixel_stride;
  std::ptrdiff_t channel_stride;
  std::int32_t width;
  std::int32_t channels;
  bool wide;    // samples are 16-bit
  bool narrow;  // of 16-bit samples: bytes out
  void* dst;
  std::ptrdiff_t dst_stride;
};

// One axis of a 2-tap resize from `in` to `out` samples, clamped at the edge, no antialias. With D = 2 * out and
//   n = max(0, (2 d + 1) * in - out) for half-pixel centres, n = 2 d * in for top-left ones:
//   first[d] = min(n / D, in - 1), weight[d] = n % D, or 0 in the last sample.
// The tap after first[d] is first[d] + 1, and is read only where weight[d] is not 0. D <= 32766.
struct BilinearAxis {
  const std::int32_t* first;
  const std::int16_t* weight;  // of the second tap, in 1/D; the first has D - weight
  std::int32_t denominator;
};

// resize_bilinear: h(r) = p0 * (Dx - wx) + p1 * wx in each of the two source rows, an exact integer.
//   Rounding::none: v = h(r0) + (h(r1) - h(r0)) * (wy / Dy), dst = v * (scale * (1 / Dx)) + bias, all in float32.
//   otherwise:      N = h(r0) * (Dy - wy) + h(r1) * wy (+ Dx * Dy / 2 for nearest), dst = (N / (Dx * Dy)) * scale + bias,
//                   where N and its division are exact integers.
struct ResizeBilinear {
  Picture8 src;
  BilinearAxis columns;
  BilinearAxis rows;
  NormalizedPlanes out;
};

// One axis of an antialiased resize: output d is the sum over t < count[d] of
//   weights[d * stride + t] * sample[first[d] + t].
// Weights are Q14 and sum to 16384 for every d; those from count[d] up to stride are 0; stride is even.
struct FilterAxis {
  const std::int32_t* first;
  const std::int32_t* count;
  const std::int16_t* weights;
  std::int32_t stride;
};

// resize_triangle: one axis first, V = (sum of w * p + 64) >> 7 (Q7, at most 255 * 128), then the other,
// H = sum of w * V (Q21), all integers. The columns are first where triangle_columns_first, else the rows.
//   Rounding::none: dst = H * (scale * 2^-21) + bias in float32
//   truncate:       dst = (H >> 21) * scale + bias
//   nearest:        dst = ((H + 2^20) >> 21) * scale + bias
struct ResizeTriangle {
  Picture8 src;
  FilterAxis columns;
  FilterAxis rows;
  NormalizedPlanes out;
};

// One axis of Pillow's 8-bit resampler. Output d is clamp(S >> 22, 0, 255), where S = 2^21 + sum over t < count[d] of
// weights[d * stride + t] * sample[first[d] + t]; weights are Q22, the sum of their amounts is below 2. `split` holds
// the same weights for 16-bit multiplications, in groups of four taps: four times w >> 11, then four times w & 2047.
// stride is a multiple of 4; weights from count[d] on are 0.
struct LevelAxis {
  const std::int32_t* first;
  const std::int32_t* count;
  const std::int32_t* weights;
  const std::int16_t* split;  // 2 * stride for each d
  std::int32_t stride;
};

// resize_levels: columns first, each result rounded to a byte, then rows, rounded once more (Pillow's order).
struct ResizeLevels {
  const std::uint8_t* src;
  std::ptrdiff_t src_stride;
  std::int32_t src_width;
  std::int32_t src_height;
  std::int32_t channels;  // 1, 3 or 4, in and out
  LevelAxis columns;
  LevelAxis rows;
  std::int32_t width;
  std::int32_t height;
  std::uint8_t* dst;
  std::ptrdiff_t dst_stride;
};

// Smallest and largest finite value; NaN and infinities are ignored. No finite value: lo = +inf, hi = -inf.
struct MinMax {
  float lo;
  float hi;
};

// sigmoid: dst[i] = 1 / (1 + e), e about exp(-src[i]); NaN stays as it is. Returns the range of what it wrote. dst may
// be src. Of x = -src[i], clamped to -87..87, in float32 as all formulas here:
//
//   t = x * kExpPerLn2 + kExpMagic, k = t - kExpMagic: the whole number nearest to x / ln 2, for the sum has no bits
//   left behind the point
//
//   r = (x - k * kExpLn2High) - k * kExpLn2Low: |r| <= ln 2 / 2, and the first product is exact
//
//   p = ((q * r) * r + r) + 1, q = (((c4 * r + c3) * r + c2) * r + c1) * r + c0: within 3.1e-9 of exp(r) before its
//   roundings (fitted to the least relative error), e = p * 2^k
//
// The result is within 2.5 units of float32's last place.
constexpr float kSigmoidReach = 87.0f;
constexpr float kExpPerLn2 = 0x1.715476p+0f;
constexpr float kExpMagic = 0x1.8p+23f;
constexpr float kExpLn2High = 0x1.63p-1f;  // 10 bits of ln 2
constexpr float kExpLn2Low = -0x1.bd0106p-13f;
constexpr float kExpTerms[5] = {0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558f4p-5f, 0x1.123a2p-7f, 0x1.6a23c8p-10f};

// One axis of a float resize.
//   taps == 1: sample[first]
//   taps == 2: a + (b - a) * weights[d], where a = sample[first] and b = sample[min(first + 1, in - 1)]
//   taps > 2:  the sum over t < count[d] of weights[d * taps + t] * sample[first[d] + t], from t = 0 upwards
struct MaskAxis {
  const std::int32_t* first;
  const std::int32_t* count;  // only for taps > 2
  const float* weights;       // only for taps > 1
  std::int32_t taps;
};

enum class MaskType : std::int32_t { u8, u16, f32 };

// resize_mask: columns first, then rows, v = the resized value; q = clamp((v - lo) * gain, 0, top), NaN gives 0.
//   u8 (top = 255) and u16 (top = 65535): floor(q), or floor(q + 1/2) with `nearest`; f32 (top = 1): q.
struct ResizeMask {
  const float* src;  // height * width, packed
  std::int32_t src_width;
  std::int32_t src_height;
  MaskAxis columns;
  MaskAxis rows;
  float lo;
  float gain;
  bool nearest;
  MaskType type;
  std::int32_t width;
  std::int32_t height;
  void* dst;
  std::ptrdiff_t dst_stride;  // bytes
};

// resize_range: the smallest and the largest finite v that resize_mask comes to, before lo and gain; lo to dst_stride
// are not read.

enum class BlendMode : std::int32_t {
  straight,       // RGBA: the colour as it is, 0 where alpha is 0
  premultiplied,  // RGBA: colour * alpha / top, rounded to nearest
  over,           // RGB: (colour * alpha + background * (top - alpha)) / top, rounded to nearest; background is one
                  // colour, or where `behind` is given the pixel of that picture
};

// blend: alpha is first multiplied by a 4-channel picture's own (a * b / top, rounded to nearest), then, where
// threshold is not 0, cut to top (alpha >= threshold) or 0. top is 255 for 8-bit and 65535 for 16-bit samples; src,
// alpha, dst and behind have the same width of sample.
struct Blend {
  const void* src;
  std::ptrdiff_t src_stride;
  std::int32_t channels;  // 1, 3 or 4
  const void* alpha;
  std::ptrdiff_t alpha_stride;
  void* dst;  // 4 channels, 3 with BlendMode::over
  std::ptrdiff_t dst_stride;
  std::int32_t width;
  std::int32_t height;
  bool wide;    // 16-bit samples
  bool stream;  // dst will not stay in the caches until it is read: it may be written past them
  BlendMode mode;
  std::int32_t threshold;  // 0..top, 0: none
  std::uint16_t background[3];
  const void* behind;  // a picture of 3 channels in the place of the background, or null
  std::ptrdiff_t behind_stride;
};

// estimate_foreground: the subject's own colour where the background shines through, in three fusions after Forte,
// "Approximate Fast Foreground Colour Estimation", ICIP 2021. I is the picture, A the alpha, 0..top; a box of radius r
// around a pixel holds what the picture has at most r rows and r columns away. One fusion of a foreground F and a
// background B, channel by channel:
//
//   w(a) = min(a, max(1, [[a * a / top] * a / top])), where [] rounds to nearest: about a^3, but never 0 where a is not
//
//   f = sum(F * w(A)) / max(1, sum(w(A))), g = sum(B * w(top - A)) / max(1, sum(w(top - A))): sums over the box, exact,
//   each rounded once
//
//   t = A / top, u = 1 - t, e = ((I - t * f) - u * g) / (t * t + u * u), all in float32
//
//   F' = floor(min(max(f + t * e, 0), top) + 1/2), B' = floor(min(max(g + u * e, 0), top) + 1/2)
//
// The first has F = B = I and radii[0], each of the others F' and B' of the one before. dst = F' of the last, or 0
// where A is 0; where A is top that is I. A grey picture's channel is all three, a 4th channel is ignored. Radii are
// 0..90: the sums of 8-bit samples fit 31 bits. Forte has two fusions, w(a) = a, no division in e and B' = g. Of all F'
// and B' that explain I, those here are nearest to f and g.
struct EstimateForeground {
  const void* src;
  std::ptrdiff_t src_stride;
  std::int32_t channels;  // 1, 3 or 4
  const void* alpha;
  std::ptrdiff_t alpha_stride;
  void* dst;  // 3 channels
  std::ptrdiff_t dst_stride;
  std::int32_t width;
  std::int32_t height;
  bool wide;  // 16-bit samples
  std::int32_t radii[3];
};

// cutout: resize_mask and blend of the same rows in one; the alpha, 16-bit where the blend is wide, is nowhere stored.
// Of the mask's job type, dst and dst_stride are not read, nor the blend's alpha and alpha_stride. Scratch: the mask's.

// Columns first is less work where few taps make one column, or few rows are there; and few rows must be kept for it.
constexpr std::int32_t kTriangleRingRows = 8;
constexpr std::int32_t kTriangleFewTaps = 6;
constexpr bool triangle_columns_first(const ResizeTriangle& job) {
  const bool less = job.columns.stride <= kTriangleFewTaps || 2 * job.src.height <= job.out.height;
  return less && job.rows.stride <= kTriangleRingRows;
}

// Samples of a row that a tier works on: full registers, whatever the width.
inline std::int32_t padded_width(std::int32_t width) { return (width + 31) & ~31; }

// What a tier may keep for each padded column: where it reads, and with what weights.
constexpr std::size_t kPlannedColumnBytes = 24;

// Bytes of the weights of one output row, in two parts each, in fours.
inline std::size_t triangle_part_bytes(const ResizeTriangle& job) {
  return 2 * (static_cast<std::size_t>(job.rows.stride) + 4);
}

// Words of one row on its way, or of one of its channels, with what a filter that starts at the last pixel, or a full
// register, may touch beyond it.
inline std::int32_t triangle_plane_words(const ResizeTriangle& job) { return job.src.width + job.columns.stride + 24; }
inline std::int32_t triangle_row_words(const ResizeTriangle& job) {
  return (triangle_plane_words(job) * job.src.channels + 95) / 32 * 32;
}

// Bytes of a plan of the columns where many taps make one: their first taps, and weights in eights.
inline std::size_t triangle_plan_bytes(const ResizeTriangle& job) {
  const auto weights = static_cast<std::size_t>(job.columns.stride + 7) / 8 * 8;
  return static_cast<std::size_t>(padded_width(job.out.width)) *
         (sizeof(std::int32_t) + sizeof(std::int16_t) * weights);
}

// Pictures are gone through in strips of that many columns, with so many at either side that boxes reach.
constexpr std::int32_t kForegroundBlock = 8;
constexpr std::int32_t kForegroundStrip = 64 * kForegroundBlock;
inline std::int32_t foreground_beside(const EstimateForeground& job) {
  const std::int32_t reach = job.radii[0] + job.radii[1] + job.radii[2];
  return (reach + kForegroundBlock - 1) / kForegroundBlock * kForegroundBlock;
}

// Bytes of scratch (64-byte aligned) that a call needs, whatever the band.
std::size_t scratch_bytes(const ResizeBilinear& job);
std::size_t scratch_bytes(const ResizeTriangle& job);
std::size_t scratch_bytes(const ResizeMask& job);  // also of resize_range and cutout
std::size_t scratch_bytes(const ResizeLevels& job);
std::size_t scratch_bytes(const EstimateForeground& job);

struct KernelTable {
  const char* name;
  void (*resize_bilinear)(const ResizeBilinear&, std::int32_t row_begin, std::int32_t row_end, void* scratch);
  void (*resize_triangle)(const ResizeTriangle&, std::int32_t row_begin, std::int32_t row_end, void* scratch);
  void (*resize_levels)(const ResizeLevels&, std::int32_t row_begin, std::int32_t row_end, void* scratch);
  MinMax (*minmax)(const float* data, std::size_t count);
  MinMax (*sigmoid)(const float* src, std::size_t count, float* dst);
  void (*resize_mask)(const ResizeMask&, std::int32_t row_begin, std::int32_t row_end, void* scratch);
  MinMax (*resize_range)(const ResizeMask&, std::int32_t row_begin, std::int32_t row_end, void* scratch);
  void (*blend)(const Blend&, std::int32_t row_begin, std::int32_t row_end);
  void (*cutout)(const ResizeMask&, const Blend&, std::int32_t row_begin, std::int32_t row_end, void* scratch);
  void (*estimate_foreground)(const EstimateForeground&, std::int32_t row_begin, std::int32_t row_end, void* scratch);
  void (*pack)(const Pack&, std::int32_t row_begin, std::int32_t row_end);
};

// The specification in the plainest C++; also the tier that runs where nothing else does.
extern const KernelTable reference_table;

}  // namespace rmbg::kernels
