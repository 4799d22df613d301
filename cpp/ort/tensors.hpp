// Tensors of the C API over memory that others own, and their sizes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ort/handles.hpp"
#include "ort/session.hpp"

namespace rmbg::ort {

inline constexpr const char* kRunFailed = "the model failed to run";

inline std::size_t bytes_of(ElementType type) { return type == ElementType::float32 ? 4 : 2; }

// The number of elements; throws Error(inference) where a dimension is negative or a buffer of floats could not exist.
std::size_t element_count(const std::vector<std::int64_t>& shape);
bool is_static(const std::vector<std::int64_t>& shape);  // no dimension is left open

ValueHandle tensor_over(void* data, const std::vector<std::int64_t>& shape, ElementType type,
                        const MemoryInfoHandle& memory);
std::vector<std::int64_t> shape_of_value(const OrtValue* value);
void* data_of(OrtValue* value);

// `count` values as float32.
void to_float(const void* data, ElementType type, std::size_t count, float* result);

}  // namespace rmbg::ort
