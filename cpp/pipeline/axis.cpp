#include "pipeline/axis.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace rmbg {
namespace {

struct Pair {
  std::int32_t first;
  std::int64_t rest;  // of 2 * out
};

Pair pair(std::int64_t in, std::int64_t out, std::int64_t d, Centres centres) {
  const std::int64_t n = centres == Centres::topleft ? 2 * d * in : std::max<std::int64_t>(0, (2 * d + 1) * in - out);
  const std::int64_t first = n / (2 * out);
  if (first >= in - 1) return {static_cast<std::int32_t>(in - 1), 0};
  return {static_cast<std::int32_t>(first), n % (2 * out)};
}

double triangle(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

// Keys' cubic with a = -1/2.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x = x * 3.14159265358979323846;
  return std::sin(x) / x;
}

double lanczos(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0; }

struct FilterTaps {
  std::int32_t first;
  std::vector<double> weights;
};

double support_of(Filter filter) { return filter == Filter::triangle ? 1.0 : filter == Filter::bicubic ? 2.0 : 3.0; }

double value_of(Filter filter, double x) {
  return filter == Filter::triangle ? triangle(x) : filter == Filter::bicubic ? cubic(x) : lanczos(x);
}

// The samples whose centres lie within the filter's support around output d, and the filter's values there, in Pillow's
// order of operations.
FilterTaps taps_at(std::int32_t in, std::int32_t out, std::int32_t d, Filter filter) {
  const double scale = static_cast<double>(in) / out;
  const double widen = std::max(scale, 1.0);
  const double support = support_of(filter) * widen;
  const double centre = (d + 0.5) * scale;
  const auto begin = std::max(0, static_cast<std::int32_t>(centre - support + 0.5));
  const auto end = std::min(in, static_cast<std::int32_t>(centre + support + 0.5));
  FilterTaps result{begin, {}};
  for (std::int32_t i = begin; i < end; ++i)
    result.weights.push_back(value_of(filter, (i - centre + 0.5) * (1.0 / widen)));
  return result;
}

struct AxisTaps {
  std::vector<FilterTaps> all;
  std::size_t longest = 0;
};

// One a sample of the output, the weights of each summing to 1.
AxisTaps axis_taps(std::int32_t in, std::int32_t out, Filter filter) {
  AxisTaps result;
  for (std::int32_t d = 0; d < out; ++d) {
    FilterTaps one = taps_at(in, out, d, filter);
    double total = 0.0;
    for (const double weight : one.weights) total += weight;
    for (double& weight : one.weights) weight /= total;
    result.longest = std::max(result.longest, one.weights.size());
    result.all.push_back(std::move(one));
  }
  return result;
}

MaskTable two_taps(std::int32_t out) {
  MaskTable table;
  table.taps = 2;
  table.first.reserve(static_cast<std::size_t>(out));
  table.weights.reserve(static_cast<std::size_t>(out));
  return table;
}

MaskTable filtered(std::int32_t in, std::int32_t out, Filter filter) {
  const AxisTaps taps = axis_taps(in, out, filter);
  const std::size_t longest = std::max<std::size_t>(taps.longest, 3);  // fewer taps would mean another formula
  MaskTable table;
  table.taps = static_cast<std::int32_t>(longest);
  table.weights.assign(longest * static_cast<std::size_t>(out), 0.0f);
  float* row = table.weights.data();
  for (const FilterTaps& one : taps.all) {
    std::transform(one.weights.begin(), one.weights.end(), row,
                   [](double weight) { return static_cast<float>(weight); });
    table.first.push_back(one.first);
    table.count.push_back(static_cast<std::int32_t>(one.weights.size()));
    row += longest;
  }
  return table;
}

}  // namespace

std::optional<Filter> level_filter(Resample resample) {
  switch (resample) {
    case Resample::pillow_bilinear:
      return Filter::triangle;
    case Resample::pillow_bicubic:
      return Filter::bicubic;
    case Resample::pillow_lanczos:
      return Filter::lanczos;
    default:
      return std::nullopt;
  }
}

std::optional<Filter> level_filter(MaskResample resample) {
  switch (resample) {
    case MaskResample::pillow_bilinear:
      return Filter::triangle;
    case MaskResample::pillow_bicubic:
      return Filter::bicubic;
    case MaskResample::pillow_lanczos:
      return Filter::lanczos;
    default:
      return std::nullopt;
  }
}

BilinearTable bilinear_table(std::int32_t in, std::int32_t out, Centres centres) {
  BilinearTable table;
  table.denominator = 2 * out;
  for (std::int32_t d = 0; d < out; ++d) {
    const Pair at = pair(in, out, d, centres);
    table.first.push_back(at.first);
    table.weight.push_back(static_cast<std::int16_t>(at.rest));
  }
  return table;
}

FilterTable triangle_table(std::int32_t in, std::int32_t out) {
  const AxisTaps taps = axis_taps(in, out, Filter::triangle);
  FilterTable table;
  table.stride = static_cast<std::int32_t>((taps.longest + 1) / 2 * 2);
  table.weights.assign(static_cast<std::size_t>(table.stride) * static_cast<std::size_t>(out), 0);
  std::int16_t* row = table.weights.data();
  for (const FilterTaps& one : taps.all) {
    double running = 0.0;
    double before = 0.0;
    for (std::size_t t = 0; t < one.weights.size(); ++t) {
      running += one.weights[t];
      const double upto = t + 1 == one.weights.size() ? 16384.0 : std::floor(running * 16384.0 + 0.5);
      row[t] = static_cast<std::int16_t>(upto - before);
      before = upto;
    }
    table.first.push_back(one.first);
    table.count.push_back(static_cast<std::int32_t>(one.weights.size()));
    row += table.stride;
  }
  return table;
}

LevelTable level_table(std::int32_t in, std::int32_t out, Filter filter) {
  const AxisTaps taps = axis_taps(in, out, filter);
  LevelTable table;
  const std::size_t stride = (taps.longest + 3) / 4 * 4;
  table.stride = static_cast<std::int32_t>(stride);
  table.weights.assign(stride * static_cast<std::size_t>(out), 0);
  table.split.assign(2 * stride * static_cast<std::size_t>(out), 0);
  std::int32_t* row = table.weights.data();
  std::int16_t* split = table.split.data();
  for (const FilterTaps& one : taps.all) {
    for (std::size_t t = 0; t < one.weights.size(); ++t) {
      const double weight = one.weights[t] * (1 << 22);
      row[t] = static_cast<std::int32_t>(weight < 0.0 ? weight - 0.5 : weight + 0.5);
      std::int16_t* group = split + t / 4 * 8 + t % 4;
      group[0] = static_cast<std::int16_t>(row[t] >> 11);
      group[4] = static_cast<std::int16_t>(row[t] & 2047);
    }
    table.first.push_back(one.first);
    table.count.push_back(static_cast<std::int32_t>(one.weights.size()));
    row += stride;
    split += 2 * stride;
  }
  return table;
}

MaskTable mask_table(std::int32_t in, std::int32_t out, MaskResample resample) {
  switch (resample) {
    case MaskResample::nearest: {
      MaskTable table;
      table.taps = 1;
      for (std::int64_t d = 0; d < out; ++d) {
        table.first.push_back(static_cast<std::int32_t>((2 * d + 1) * in / (2 * std::int64_t{out})));
      }
      return table;
    }
    case MaskResample::bilinear:
    case MaskResample::bilinear_topleft: {
      const Centres centres = resample == MaskResample::bilinear ? Centres::half_pixel : Centres::topleft;
      MaskTable table = two_taps(out);
      for (std::int32_t d = 0; d < out; ++d) {
        const Pair at = pair(in, out, d, centres);
        table.first.push_back(at.first);
        table.weights.push_back(static_cast<float>(static_cast<double>(at.rest) / (2.0 * out)));
      }
      return table;
    }
    case MaskResample::bilinear_corners: {
      MaskTable table = two_taps(out);
      const std::int64_t steps = std::max(out - 1, 1);  // a single output takes the first sample
      for (std::int64_t d = 0; d < out; ++d) {
        const std::int64_t n = d * (in - 1);
        table.first.push_back(static_cast<std::int32_t>(n / steps));
        table.weights.push_back(static_cast<float>(static_cast<double>(n % steps) / static_cast<double>(steps)));
      }
      return table;
    }
    case MaskResample::pillow_bilinear:
      return filtered(in, out, Filter::triangle);
    case MaskResample::pillow_lanczos:
      return filtered(in, out, Filter::lanczos);
    case MaskResample::bicubic:
    case MaskResample::pillow_bicubic:
      break;
  }
  return filtered(in, out, Filter::bicubic);
}

MaskTable extremes(const MaskTable& table) {
  MaskTable result;
  result.taps = table.taps;
  const std::size_t out = table.first.size();
  for (std::size_t d = 0; d < out; ++d) {
    const bool starts = d == 0 || table.first[d] != table.first[d - 1];
    const bool ends = table.taps > 1 && (d + 1 == out || table.first[d] != table.first[d + 1]);
    if (!starts && !ends) continue;
    result.first.push_back(table.first[d]);
    if (table.taps > 1) result.weights.push_back(table.weights[d]);
  }
  return result;
}

}  // namespace rmbg
