// What a loaded graph takes and gives: its inputs and outputs, found by name or by index.
#pragma once

#include <string>
#include <vector>

#include "ort/abi.hpp"
#include "ort/session.hpp"

namespace rmbg::ort {

// Both throw Error(model), naming `model` and what it has, where there is no such input or output or where it
// does not hold float32 or float16. An empty name takes the index; a negative index counts from the end.
TensorInfo find_input(const OrtSession* session, const std::string& model, const std::string& name, int index);
TensorInfo find_output(const OrtSession* session, const std::string& model, const std::string& name, int index);

std::vector<std::int64_t> shape_of(const OrtTensorTypeAndShapeInfo* info);

}  // namespace rmbg::ort
