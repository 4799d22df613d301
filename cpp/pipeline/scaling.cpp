#include "pipeline/scaling.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <mutex>
#include <string>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "kernels/dispatch.hpp"

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

kernels::MinMax minmax(const Mask& mask, int threads) {
  kernels::MinMax whole{std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
  std::mutex guard;
  parallel_rows(threads, mask.height, [&](std::int32_t begin, std::int32_t end) {
    const float* first = mask.data + static_cast<std::ptrdiff_t>(begin) * mask.width;
    const std::size_t count = static_cast<std::size_t>(end - begin) * static_cast<std::size_t>(mask.width);
    const kernels::MinMax band = kernels::active().minmax(first, count);
    const std::lock_guard lock(guard);
    whole = {std::min(whole.lo, band.lo), std::max(whole.hi, band.hi)};
  });
  return whole;
}

Scaling stretch(const kernels::MinMax& range, float top) {
  if (!(range.lo <= range.hi)) {
    throw Error(ErrorKind::model_output, "the mask has no finite value (all are NaN or infinite)");
  }
  const float span = range.hi - range.lo;
  if (span == 0.0f) {
    throw Error(ErrorKind::model_output,
                "the mask is constant (every value is " + std::to_string(range.lo) + "): it has no subject to cut out");
  }
  if (!std::isfinite(span)) throw Error(ErrorKind::model_output, "the mask's values are too far apart for float32");
  float gain = top / span;
  while (span * gain < top) gain = std::nextafter(gain, std::numeric_limits<float>::infinity());
  return {range.lo, gain};
}

}  // namespace rmbg
