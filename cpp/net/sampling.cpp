#include "net/sampling.hpp"

#include <algorithm>
#include <cmath>

namespace rmbg::net {
namespace {

double source(int at, int from, int to, double scale, Coordinates coordinates) {
  switch (coordinates) {
    case Coordinates::half_pixel:
      return (at + 0.5) / scale - 0.5;
    case Coordinates::pytorch_half_pixel:
      return to > 1 ? (at + 0.5) / scale - 0.5 : 0.0;
    case Coordinates::align_corners:
      return to > 1 ? at * static_cast<double>(from - 1) / (to - 1) : 0.0;
    case Coordinates::asymmetric:
      return at / scale;
  }
  return 0.0;
}

int nearest(double position, Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::nearest_round_prefer_floor:
      return static_cast<int>(std::ceil(position - 0.5));
    case Interpolation::nearest_round_prefer_ceil:
      return static_cast<int>(std::floor(position + 0.5));
    case Interpolation::nearest_ceil:
      return static_cast<int>(std::ceil(position));
    default:
      return static_cast<int>(std::floor(position));
  }
}

}  // namespace

std::vector<Lerp> lerps(int from, int to, double scale, Coordinates coordinates, Interpolation interpolation) {
  if (scale == 0) scale = static_cast<double>(to) / from;
  std::vector<Lerp> all(static_cast<std::size_t>(to));
  for (int at = 0; at < to; ++at) {
    const double position = source(at, from, to, scale, coordinates);
    Lerp& lerp = all[static_cast<std::size_t>(at)];
    if (interpolation == Interpolation::linear) {
      const double inside = std::clamp(position, 0.0, static_cast<double>(from - 1));
      lerp.low = static_cast<std::int32_t>(inside);
      lerp.high = std::min(lerp.low + 1, from - 1);
      lerp.weight = static_cast<float>(inside - lerp.low);
    } else {
      lerp.low = lerp.high = std::clamp(nearest(position, interpolation), 0, from - 1);
      lerp.weight = 0.0f;
    }
  }
  return all;
}

}  // namespace rmbg::net
