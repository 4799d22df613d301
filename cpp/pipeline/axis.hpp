// The tables that tell a kernel which samples of one axis an output sample is made of, and with what weights.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/kernels.hpp"
#include "pipeline/types.hpp"

namespace rmbg {

// Filters of an antialiased resize, widened when shrinking: Pillow's BILINEAR, BICUBIC (a = -1/2) and LANCZOS (a = 3).
enum class Filter { triangle, bicubic, lanczos };

// That of a pillow_* resize; none of another.
std::optional<Filter> level_filter(Resample resample);
std::optional<Filter> level_filter(MaskResample resample);

// Where output d of two taps lies in the input. half_pixel: (d + 1/2) * in / out - 1/2; topleft: d * in / out; both
// clamped at the edge.
enum class Centres { half_pixel, topleft };

struct BilinearTable {
  std::vector<std::int32_t> first;
  std::vector<std::int16_t> weight;
  std::int32_t denominator;
  kernels::BilinearAxis view() const { return {first.data(), weight.data(), denominator}; }
};

struct FilterTable {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  std::vector<std::int16_t> weights;
  std::int32_t stride;
  kernels::FilterAxis view() const { return {first.data(), count.data(), weights.data(), stride}; }
};

struct LevelTable {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  std::vector<std::int32_t> weights;
  std::vector<std::int16_t> split;
  std::int32_t stride;
  kernels::LevelAxis view() const { return {first.data(), count.data(), weights.data(), split.data(), stride}; }
};

struct MaskTable {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  std::vector<float> weights;
  std::int32_t taps;
  kernels::MaskAxis view() const { return {first.data(), count.data(), weights.data(), taps}; }
};

// All take sizes from 1 on; out <= kMaxModelSide for the first two.
BilinearTable bilinear_table(std::int32_t in, std::int32_t out, Centres centres = Centres::half_pixel);
// Triangle filter, widened when shrinking: Pillow's BILINEAR. Running sums are rounded to Q14, so that each row sums to
// 16384 exactly.
FilterTable triangle_table(std::int32_t in, std::int32_t out);
// Weights in Q22, rounded away from zero at the half, as Pillow rounds them.
LevelTable level_table(std::int32_t in, std::int32_t out, Filter filter);
MaskTable mask_table(std::int32_t in, std::int32_t out, MaskResample resample);
// The axis cut down to the first and the last output of each pair of samples, where the extremes of a 2-tap resize lie:
// between two samples it is monotone. `table` must have 1 or 2 taps; with 1 only one output a sample stays.
MaskTable extremes(const MaskTable& table);

}  // namespace rmbg
