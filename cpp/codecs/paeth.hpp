// The predictor of PNG's filter 4 (section 9.4 of its specification).
#pragma once

namespace rmbg::codecs {

// The neighbour nearest to left + up - corner; ties go to the left one, then to the upper one.
static constexpr int paeth(int left, int up, int corner) {
  const auto distance = [](int a, int b) { return a < b ? b - a : a - b; };
  const int to_left = distance(up, corner);
  const int to_up = distance(left, corner);
  const int to_corner = distance(left + up, 2 * corner);
  const int nearest = to_up <= to_corner ? up : corner;
  return to_left <= to_up && to_left <= to_corner ? left : nearest;
}

}  // namespace rmbg::codecs
