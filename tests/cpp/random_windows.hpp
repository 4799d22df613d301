// Random windows of convolutions and pools, resizes, and how many places they are put at.
#pragma once

#include <utility>

#include "net/plan.hpp"
#include "net/schedule.hpp"
#include "network_support.hpp"

namespace rmbg::net {

// `plain`: of a kind that Winograd's method does.
inline Window random_window(Random& random, bool plain) {
  const auto size = plain ? random.pick<std::pair<int, int>>({{3, 3}, {3, 3}, {7, 7}})
                          : random.pick<std::pair<int, int>>({{3, 3}, {1, 1}, {5, 5}, {1, 3}, {4, 2}});
  const int dilation = random.one_in(2) ? 1 : random.pick({2, 4, 8});
  Window w{size.first, size.second, 1, 1, dilation, dilation, 0, 0, 0, 0};
  if (!plain && random.one_in(2)) {
    w.stride_y = random.between(1, 3);
    w.stride_x = random.between(1, 3);
    w.dilation_x = random.pick({1, 2, 4});
  }
  w.top = w.bottom = (w.height - 1) * w.dilation_y / 2;
  w.left = w.right = (w.width - 1) * w.dilation_x / 2;
  if (random.one_in(3)) {  // none, some, or beyond the window itself
    for (int* pad : {&w.top, &w.left, &w.bottom, &w.right}) *pad = random.between(0, random.pick({0, 2, 10}));
  }
  return w;
}

inline int slid(int size, int before, int after, int window, int dilation, int stride) {
  const int room = size + before + after - dilation * (window - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

struct Pool {
  Window window;
  bool ceil;
};

inline Pool random_pool(Random& random) {
  Window w{random.between(1, 4), random.between(1, 4), random.between(1, 3), random.between(1, 3), 1, 1, 0, 0, 0, 0};
  if (random.one_in(2)) {
    for (int* pad : {&w.top, &w.bottom}) *pad = random.between(0, w.height - 1);
    for (int* pad : {&w.left, &w.right}) *pad = random.between(0, w.width - 1);
  }
  return {w, random.one_in(2)};
}

inline int pooled(int size, int before, int after, int window, int stride, bool ceil) {
  const int whole = slid(size, before, after + (ceil ? stride - 1 : 0), window, 1, stride);
  return whole - (ceil && (whole - 1) * stride >= size + before);
}

inline constexpr Resize kTwice{0, 0, 2, 2, Coordinates::half_pixel, Interpolation::linear};

// By scale, or to the size of `in` or of `other`.
inline Resize random_resize(Random& random, const Shape& in, const Shape& other) {
  Resize r{0, 0, 0, 0, Coordinates(random.between(0, 3)), Interpolation::linear};
  if (random.one_in(2)) r.interpolation = Interpolation(random.between(0, 4));
  if (random.one_in(2)) {
    r.scale_y = random.pick({0.4, 1.0, 1.5, 2.0, 3.0});
    r.scale_x = random.pick({0.4, 1.0, 1.5, 2.0, 3.0});
  } else {
    r.height = random.one_in(4) ? in.height : other.height;
    r.width = random.one_in(4) ? in.width : other.width;
  }
  return r;
}

}  // namespace rmbg::net
