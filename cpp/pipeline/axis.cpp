#include "pipeline/axis.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace rmbg {
namespace {

// start, start + step, start + 2 * step, ... as multiples of `unit` and rests, without a division each. start > -unit.
class Walk {
 public:
  Walk(std::int64_t start, std::int64_t step, std::int64_t unit)
      : unit_(unit),
        whole_step_(step / unit),
        rest_step_(step % unit),
        whole_(start < 0 ? -1 : start / unit),
        rest_(start - whole_ * unit) {}

  std::int32_t whole() const { return static_cast<std::int32_t>(whole_); }
  std::int64_t rest() const { return rest_; }
  void next() {
    whole_ += whole_step_;
    rest_ += rest_step_;
    if (rest_ < unit_) return;
    rest_ -= unit_;
    ++whole_;
  }

 private:
  std::int64_t unit_, whole_step_, rest_step_, whole_, rest_;
};

struct Pair {
  std::int32_t first;
  std::int64_t rest;  // of 2 * out
};

// Calls each(Pair) for all outputs, one after the other.
template <typename Each>
void for_pairs(std::int32_t in, std::int32_t out, Centres centres, Each each) {
  Walk at(centres == Centres::topleft ? 0 : in - out, 2 * std::int64_t{in}, 2 * std::int64_t{out});
  for (std::int32_t d = 0; d < out; ++d, at.next()) {
    if (at.whole() < 0) {
      each(Pair{0, 0});
    } else if (at.whole() >= in - 1) {
      each(Pair{in - 1, 0});
    } else {
      each(Pair{at.whole(), at.rest()});
    }
  }
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

double support_of(Filter filter) { return filter == Filter::triangle ? 1.0 : filter == Filter::bicubic ? 2.0 : 3.0; }

double value_of(Filter filter, double x) {
  return filter == Filter::triangle ? triangle(x) : filter == Filter::bicubic ? cubic(x) : lanczos(x);
}

// Of an output the samples whose centres lie within the filter's support around it, and the filter's values there, in
// Pillow's order of operations; the weights of each sum to 1. All outputs' weights lie one behind the other.
struct AxisTaps {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  std::vector<double> weights;
  std::size_t longest = 0;
};

AxisTaps axis_taps(std::int32_t in, std::int32_t out, Filter filter) {
  const double scale = static_cast<double>(in) / out;
  const double widen = std::max(scale, 1.0);
  const double support = support_of(filter) * widen;
  const double narrow = 1.0 / widen;
  const auto outputs = static_cast<std::size_t>(out);
  AxisTaps result;
  result.first.reserve(outputs);
  result.count.reserve(outputs);
  result.weights.reserve(outputs * static_cast<std::size_t>(std::min(2.0 * support + 2.0, static_cast<double>(in))));
  for (std::int32_t d = 0; d < out; ++d) {
    const double centre = (d + 0.5) * scale;
    const auto begin = std::max(0, static_cast<std::int32_t>(centre - support + 0.5));
    const auto end = std::min(in, static_cast<std::int32_t>(centre + support + 0.5));
    const std::size_t own = result.weights.size();
    double total = 0.0;
    for (std::int32_t i = begin; i < end; ++i) {
      result.weights.push_back(value_of(filter, (i - centre + 0.5) * narrow));
      total += result.weights.back();
    }
    for (std::size_t t = own; t < result.weights.size(); ++t) result.weights[t] /= total;
    result.first.push_back(begin);
    result.count.push_back(end - begin);
    result.longest = std::max(result.longest, result.weights.size() - own);
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
  AxisTaps taps = axis_taps(in, out, filter);
  const std::size_t longest = std::max<std::size_t>(taps.longest, 3);  // fewer taps would mean another formula
  MaskTable table;
  table.taps = static_cast<std::int32_t>(longest);
  table.weights.assign(longest * static_cast<std::size_t>(out), 0.0f);
  float* row = table.weights.data();
  const double* weights = taps.weights.data();
  for (const std::int32_t count : taps.count) {
    std::transform(weights, weights + count, row, [](double weight) { return static_cast<float>(weight); });
    weights += count;
    row += longest;
  }
  table.first = std::move(taps.first);
  table.count = std::move(taps.count);
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
  table.first.reserve(static_cast<std::size_t>(out));
  table.weight.reserve(static_cast<std::size_t>(out));
  for_pairs(in, out, centres, [&](const Pair& at) {
    table.first.push_back(at.first);
    table.weight.push_back(static_cast<std::int16_t>(at.rest));
  });
  return table;
}

FilterTable triangle_table(std::int32_t in, std::int32_t out) {
  AxisTaps taps = axis_taps(in, out, Filter::triangle);
  FilterTable table;
  table.stride = static_cast<std::int32_t>((taps.longest + 1) / 2 * 2);
  table.weights.assign(static_cast<std::size_t>(table.stride) * static_cast<std::size_t>(out), 0);
  std::int16_t* row = table.weights.data();
  const double* weights = taps.weights.data();
  for (const std::int32_t count : taps.count) {
    double running = 0.0;
    std::int32_t before = 0;
    for (std::int32_t t = 0; t < count; ++t) {
      running += weights[t];
      const std::int32_t upto = t + 1 == count ? 16384 : static_cast<std::int32_t>(running * 16384.0 + 0.5);
      row[t] = static_cast<std::int16_t>(upto - before);
      before = upto;
    }
    weights += count;
    row += table.stride;
  }
  table.first = std::move(taps.first);
  table.count = std::move(taps.count);
  return table;
}

LevelTable level_table(std::int32_t in, std::int32_t out, Filter filter) {
  AxisTaps taps = axis_taps(in, out, filter);
  LevelTable table;
  const std::size_t stride = (taps.longest + 3) / 4 * 4;
  table.stride = static_cast<std::int32_t>(stride);
  table.weights.assign(stride * static_cast<std::size_t>(out), 0);
  table.split.assign(2 * stride * static_cast<std::size_t>(out), 0);
  std::int32_t* row = table.weights.data();
  std::int16_t* split = table.split.data();
  const double* weights = taps.weights.data();
  for (const std::int32_t count : taps.count) {
    for (std::int32_t t = 0; t < count; ++t) {
      const double weight = weights[t] * (1 << 22);
      row[t] = static_cast<std::int32_t>(weight < 0.0 ? weight - 0.5 : weight + 0.5);
      std::int16_t* group = split + t / 4 * 8 + t % 4;
      group[0] = static_cast<std::int16_t>(row[t] >> 11);
      group[4] = static_cast<std::int16_t>(row[t] & 2047);
    }
    weights += count;
    row += stride;
    split += 2 * stride;
  }
  table.first = std::move(taps.first);
  table.count = std::move(taps.count);
  return table;
}

MaskTable mask_table(std::int32_t in, std::int32_t out, MaskResample resample) {
  switch (resample) {
    case MaskResample::nearest: {
      MaskTable table;
      table.taps = 1;
      table.first.reserve(static_cast<std::size_t>(out));
      Walk at(in, 2 * std::int64_t{in}, 2 * std::int64_t{out});
      for (std::int32_t d = 0; d < out; ++d, at.next()) table.first.push_back(at.whole());
      return table;
    }
    case MaskResample::bilinear:
    case MaskResample::bilinear_topleft: {
      const Centres centres = resample == MaskResample::bilinear ? Centres::half_pixel : Centres::topleft;
      MaskTable table = two_taps(out);
      for_pairs(in, out, centres, [&](const Pair& at) {
        table.first.push_back(at.first);
        table.weights.push_back(static_cast<float>(static_cast<double>(at.rest) / (2.0 * out)));
      });
      return table;
    }
    case MaskResample::bilinear_corners: {
      MaskTable table = two_taps(out);
      const std::int64_t steps = std::max(out - 1, 1);  // a single output takes the first sample
      Walk at(0, in - 1, steps);
      for (std::int32_t d = 0; d < out; ++d, at.next()) {
        table.first.push_back(at.whole());
        table.weights.push_back(static_cast<float>(static_cast<double>(at.rest()) / static_cast<double>(steps)));
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
