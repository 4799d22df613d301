// Where in the picture the subject is.
#pragma once

#include <optional>

#include "pipeline/mask_resizer.hpp"

namespace rmbg {

// Columns [left, right) and rows [top, bottom).
struct Box {
  std::int32_t left;
  std::int32_t top;
  std::int32_t right;
  std::int32_t bottom;
};

// The smallest box that holds every pixel whose alpha is above 1/255 of opaque; none where there is no such pixel. Only
// what lies outside of it is made of the mask, in strips from each side.
std::optional<Box> subject_box(const MaskResizer& alpha);
// The same of an alpha that is there.
std::optional<Box> subject_box(const Plane& alpha);

}  // namespace rmbg
