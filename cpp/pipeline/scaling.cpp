#include "pipeline/scaling.hpp"

#include <cmath>
#include <limits>
#include <string>

#include "core/error.hpp"

namespace rmbg {

float top_of(kernels::MaskType type) {
  switch (type) {
    case kernels::MaskType::u8:
      return 255.0f;
    case kernels::MaskType::u16:
      return 65535.0f;
    case kernels::MaskType::f32:
      break;
  }
  return 1.0f;
}

Scaling stretch(const kernels::MinMax& range, float top) {
  if (!(range.lo <= range.hi)) {
    fail(ErrorKind::model_output, "the mask has no finite value (all are NaN or infinite)");
  }
  const float span = range.hi - range.lo;
  if (span == 0.0f) {
    fail(ErrorKind::model_output,
         "the mask is constant (every value is " + std::to_string(range.lo) + "): it has no subject to cut out");
  }
  if (!std::isfinite(span)) fail(ErrorKind::model_output, "the mask's values are too far apart for float32");
  float gain = top / span;
  while (span * gain < top) gain = std::nextafter(gain, std::numeric_limits<float>::infinity());
  return {range.lo, gain};
}

}  // namespace rmbg
