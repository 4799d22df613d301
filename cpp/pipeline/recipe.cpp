#include "pipeline/recipe.hpp"

#include <algorithm>
#include <string>

#include "core/error.hpp"
#include "core/image.hpp"

namespace rmbg {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + (shape[i] < 0 ? std::string("?") : std::to_string(shape[i]));
  }
  return text + "]";
}

// What is wrong with the input's shape [batch, channels, height, width], in the words of who made the model.
std::string input_problem(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& wanted) {
  const auto is = [](std::int64_t side, std::int64_t value) { return side < 0 || side == value; };
  if (shape.size() != 4) {
    return "an image is [batch, 3, height, width]: export the model with these " + std::to_string(wanted.size()) +
           " dimensions";
  }
  if (shape[3] == 3 && wanted[3] != 3 && shape[1] != 3) {
    return "its layout is NHWC, channels last: export it as NCHW, [batch, 3, height, width]";
  }
  if (!is(shape[1], 3)) return "it wants " + std::to_string(shape[1]) + " channels: only RGB, 3 channels, is fed";
  if (!is(shape[0], 1)) {
    return "its batch is fixed at " + std::to_string(shape[0]) +
           ": images go in one at a time; export it with a batch of 1 or a free one";
  }
  return "correct `size` in the model's row";
}

}  // namespace

void check_input(const std::string& name, const std::vector<std::int64_t>& shape, const Recipe& recipe) {
  const std::int64_t any = recipe.dynamic ? -1 : 0;
  const std::vector<std::int64_t> wanted{1, 3, any ? any : recipe.height, any ? any : recipe.width};
  bool fits = shape.size() == wanted.size();
  for (std::size_t i = 0; fits && i < wanted.size(); ++i) fits = shape[i] < 0 || shape[i] == wanted[i];
  if (!fits) {
    fail(ErrorKind::model, "the model's input '" + name + "' has the shape " + shape_text(shape) +
                               ", the recipe makes " + shape_text(wanted) + ": " + input_problem(shape, wanted));
  }
}

PlaneSize input_size(const Recipe& recipe, std::int32_t width, std::int32_t height) {
  if (!recipe.dynamic) return {recipe.height, recipe.width};
  const auto side = [&](std::int32_t own, std::int32_t most) {
    return std::max(std::min(own, most) / recipe.dynamic, 1) * recipe.dynamic;
  };
  return {side(height, recipe.height), side(width, recipe.width)};
}

kernels::NormalizedPlanes input_planes(const Recipe& recipe, const PlaneSize& size, bool half, void* dst) {
  kernels::NormalizedPlanes planes{};
  planes.width = size.width;
  planes.height = size.height;
  planes.rounding = recipe.rounding;
  planes.half = half;
  planes.dst = dst;
  normalize(recipe, 255.0, planes);
  return planes;
}

void normalize(const Recipe& recipe, double white, kernels::NormalizedPlanes& planes) {
  for (int c = 0; c < 3; ++c) {
    planes.scale[c] = static_cast<float>(1.0 / (white * recipe.std[c]));
    planes.bias[c] = static_cast<float>(-recipe.mean[c] / recipe.std[c]);
  }
}

PlaneSize output_size(const std::vector<std::int64_t>& shape) {
  const std::size_t rank = shape.size();
  bool plane = rank >= 2 && shape[rank - 1] >= 1 && shape[rank - 2] >= 1 && shape[rank - 1] <= kMaxSide &&
               shape[rank - 2] <= kMaxSide;
  for (std::size_t i = 0; plane && i + 2 < rank; ++i) plane = shape[i] == 1;
  if (!plane) {
    fail(ErrorKind::model,
         "the model's output has the shape " + shape_text(shape) +
             ", which is not one mask [1, 1, height, width]: choose another `output` in the model's row");
  }
  return {static_cast<std::int32_t>(shape[rank - 2]), static_cast<std::int32_t>(shape[rank - 1])};
}

}  // namespace rmbg
