// Where the pixels of a resized axis come from (ONNX Resize).
#pragma once

#include <vector>

#include "net/plan.hpp"

namespace rmbg::net {

// `scale`: output to input; 0 where the sizes give it.
std::vector<Lerp> lerps(int from, int to, double scale, Coordinates coordinates, Interpolation interpolation);

}  // namespace rmbg::net
