#include "ort/tensors.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "core/error.hpp"
#include "core/half.hpp"
#include "ort/library.hpp"
#include "ort/model_io.hpp"
#include "ort/status.hpp"

namespace rmbg::ort {

std::size_t element_count(const std::vector<std::int64_t>& shape) {
  std::size_t count = 1;
  for (const std::int64_t dimension : shape) {
    const std::size_t most =
        std::numeric_limits<std::ptrdiff_t>::max() / sizeof(float) / std::max<std::size_t>(count, 1);
    if (dimension < 0 || static_cast<std::uint64_t>(dimension) > most) {
      throw Error(ErrorKind::inference, std::string(kRunFailed) + ": a tensor has a dimension of " +
                                            std::to_string(dimension) + ", which cannot be");
    }
    count *= static_cast<std::size_t>(dimension);
  }
  return count;
}

bool is_static(const std::vector<std::int64_t>& shape) {
  return !shape.empty() && std::all_of(shape.begin(), shape.end(), [](std::int64_t size) { return size > 0; });
}

ValueHandle tensor_over(void* data, const std::vector<std::int64_t>& shape, ElementType type,
                        const MemoryInfoHandle& memory) {
  const bool wide = type == ElementType::float32;
  return ValueHandle(
      get<OrtValue*>(ErrorKind::inference, kRunFailed, api().CreateTensorWithDataAsOrtValue, memory.get(), data,
                     element_count(shape) * bytes_of(type), shape.data(), shape.size(),
                     wide ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16));
}

std::vector<std::int64_t> shape_of_value(const OrtValue* value) {
  const TensorInfoHandle info(
      get<OrtTensorTypeAndShapeInfo*>(ErrorKind::inference, kRunFailed, api().GetTensorTypeAndShape, value));
  return shape_of(info.get());
}

void* data_of(OrtValue* value) {
  return get<void*>(ErrorKind::inference, kRunFailed, api().GetTensorMutableData, value);
}

void to_float(const void* data, ElementType type, std::size_t count, float* result) {
  if (type == ElementType::float32) {
    std::copy_n(static_cast<const float*>(data), count, result);
  } else {
    const auto* halves = static_cast<const std::uint16_t*>(data);
    std::transform(halves, halves + count, result, half_to_float);
  }
}

}  // namespace rmbg::ort
