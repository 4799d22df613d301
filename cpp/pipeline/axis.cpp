#include "pipeline/axis.hpp"

#include <algorithm>
#include <cmath>

namespace rmbg {
namespace {

struct HalfPixel {
  std::int32_t first;
  std::int64_t rest;  // of 2 * out
};

HalfPixel half_pixel(std::int64_t in, std::int64_t out, std::int64_t d) {
  const std::int64_t n = std::max<std::int64_t>(0, (2 * d + 1) * in - out);
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

struct Window {
  std::int32_t first;
  std::vector<double> weights;
};

// The samples whose centres lie within the filter's support around output d, and the filter's values there.
template <typename Filter>
Window window(std::int32_t in, std::int32_t out, std::int32_t d, double support, Filter filter) {
  const double scale = static_cast<double>(in) / out;
  const double widen = std::max(scale, 1.0);
  const double centre = (d + 0.5) * scale;
  const auto begin = std::max(0, static_cast<std::int32_t>(centre - support * widen + 0.5));
  const auto end = std::min(in, static_cast<std::int32_t>(centre + support * widen + 0.5));
  Window result{begin, {}};
  for (std::int32_t i = begin; i < end; ++i) result.weights.push_back(filter((i + 0.5 - centre) * (1.0 / widen)));
  return result;
}

}  // namespace

BilinearTable bilinear_table(std::int32_t in, std::int32_t out) {
  BilinearTable table;
  table.denominator = 2 * out;
  for (std::int32_t d = 0; d < out; ++d) {
    const HalfPixel at = half_pixel(in, out, d);
    table.first.push_back(at.first);
    table.weight.push_back(static_cast<std::int16_t>(at.rest));
  }
  return table;
}

FilterTable triangle_table(std::int32_t in, std::int32_t out) {
  FilterTable table;
  std::vector<Window> windows;
  std::size_t longest = 0;
  for (std::int32_t d = 0; d < out; ++d) {
    windows.push_back(window(in, out, d, 1.0, triangle));
    longest = std::max(longest, windows.back().weights.size());
  }
  table.stride = static_cast<std::int32_t>((longest + 1) / 2 * 2);
  table.weights.assign(static_cast<std::size_t>(table.stride) * static_cast<std::size_t>(out), 0);
  std::int16_t* row = table.weights.data();
  for (const Window& taps : windows) {
    double total = 0.0;
    for (const double weight : taps.weights) total += weight;
    double running = 0.0;
    double before = 0.0;
    for (std::size_t t = 0; t < taps.weights.size(); ++t) {
      running += taps.weights[t];
      const double upto = std::floor(running / total * 16384.0 + 0.5);
      row[t] = static_cast<std::int16_t>(upto - before);
      before = upto;
    }
    table.first.push_back(taps.first);
    table.count.push_back(static_cast<std::int32_t>(taps.weights.size()));
    row += table.stride;
  }
  return table;
}

MaskTable mask_table(std::int32_t in, std::int32_t out, MaskResample resample) {
  MaskTable table;
  if (resample == MaskResample::nearest) {
    table.taps = 1;
    for (std::int64_t d = 0; d < out; ++d) {
      table.first.push_back(static_cast<std::int32_t>((2 * d + 1) * in / (2 * std::int64_t{out})));
    }
    return table;
  }
  if (resample == MaskResample::bilinear) {
    table.taps = 2;
    for (std::int32_t d = 0; d < out; ++d) {
      const HalfPixel at = half_pixel(in, out, d);
      table.first.push_back(at.first);
      table.weights.push_back(static_cast<float>(static_cast<double>(at.rest) / (2.0 * out)));
    }
    return table;
  }
  std::vector<Window> windows;
  std::size_t longest = 3;  // fewer taps would mean another formula
  for (std::int32_t d = 0; d < out; ++d) {
    windows.push_back(window(in, out, d, 2.0, cubic));
    longest = std::max(longest, windows.back().weights.size());
  }
  table.taps = static_cast<std::int32_t>(longest);
  table.weights.assign(longest * static_cast<std::size_t>(out), 0.0f);
  float* row = table.weights.data();
  for (const Window& taps : windows) {
    double total = 0.0;
    for (const double weight : taps.weights) total += weight;
    for (std::size_t t = 0; t < taps.weights.size(); ++t) row[t] = static_cast<float>(taps.weights[t] / total);
    table.first.push_back(taps.first);
    table.count.push_back(static_cast<std::int32_t>(taps.weights.size()));
    row += longest;
  }
  return table;
}

}  // namespace rmbg
