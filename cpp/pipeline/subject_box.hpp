// Where in the picture the subject is.
#pragma once

#include <optional>

#include "pipeline/mask_resizer.hpp"

namespace rmbg {

// The smallest box that holds every pixel whose alpha is above 1/255 of opaque; none where there is no such pixel. Of
// the alpha only strips along its sides are made.
std::optional<Box> subject_box(const MaskResizer& alpha);
// The same of an alpha that is there.
std::optional<Box> subject_box(const Plane& alpha);

}  // namespace rmbg
