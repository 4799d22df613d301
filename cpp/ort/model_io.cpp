#include "ort/model_io.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "ort/library.hpp"
#include "ort/status.hpp"

namespace rmbg::ort {
namespace {

constexpr const char* kUnreadable = "the model's inputs and outputs cannot be read";

// The inputs or the outputs: the same three questions, asked of different slots.
struct Side {
  const char* word;
  OrtStatus* (*count)(const OrtSession*, std::size_t*);
  OrtStatus* (*name)(const OrtSession*, std::size_t, OrtAllocator*, char**);
  OrtStatus* (*type)(const OrtSession*, std::size_t, OrtTypeInfo**);
};

struct AllocatorFree {
  OrtAllocator* allocator;
  void operator()(char* text) const noexcept { StatusHandle(api().AllocatorFree(allocator, text)); }
};

std::vector<std::string> names_of(const OrtSession* session, const Side& side) {
  auto* allocator = get<OrtAllocator*>(ErrorKind::model, kUnreadable, api().GetAllocatorWithDefaultOptions);
  std::vector<std::string> names(get<std::size_t>(ErrorKind::model, kUnreadable, side.count, session));
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::unique_ptr<char, AllocatorFree> name(
        get<char*>(ErrorKind::model, kUnreadable, side.name, session, i, allocator), {allocator});
    names[i] = name.get();
  }
  return names;
}

std::string quoted(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 12;
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), shown); ++i) list += (i == 0 ? "\"" : ", \"") + names[i] + "\"";
  if (names.size() > shown) list += ", and " + std::to_string(names.size() - shown) + " more";
  return list;
}

std::size_t position(const std::vector<std::string>& names, const std::string& name, int index, const Side& side,
                     const std::string& model) {
  const auto size = static_cast<std::ptrdiff_t>(names.size());
  const std::ptrdiff_t found = !name.empty() ? std::find(names.begin(), names.end(), name) - names.begin()
                               : index < 0   ? size + index
                                             : index;
  if (found >= 0 && found < size) return static_cast<std::size_t>(found);
  const std::string wanted = name.empty() ? "number " + std::to_string(index) : "\"" + name + "\"";
  throw Error(ErrorKind::model, model + " has no " + side.word + " " + wanted + "; it has " +
                                    std::to_string(names.size()) + ": " + quoted(names));
}

ElementType float_type(const OrtTensorTypeAndShapeInfo* info, const std::string& what) {
  if (info == nullptr) throw Error(ErrorKind::model, what + " is not a tensor");
  const auto type = get<ONNXTensorElementDataType>(ErrorKind::model, kUnreadable, api().GetTensorElementType, info);
  if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) return ElementType::float32;
  if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16) return ElementType::float16;
  throw Error(ErrorKind::model, what + " holds neither float32 nor float16 (it is ONNX element type " +
                                    std::to_string(static_cast<int>(type)) + ")");
}

TensorInfo describe(const OrtSession* session, const std::string& model, const std::string& name, std::size_t index,
                    const Side& side) {
  const TypeInfoHandle type(get<OrtTypeInfo*>(ErrorKind::model, kUnreadable, side.type, session, index));
  const auto* info =
      get<const OrtTensorTypeAndShapeInfo*>(ErrorKind::model, kUnreadable, api().CastTypeInfoToTensorInfo, type.get());
  const ElementType element = float_type(info, "the " + std::string(side.word) + " \"" + name + "\" of " + model);
  return {name, element, shape_of(info)};
}

}  // namespace

TensorInfo find_input(const OrtSession* session, const std::string& model, const std::string& name, int index) {
  const Side side{"input", api().SessionGetInputCount, api().SessionGetInputName, api().SessionGetInputTypeInfo};
  const std::vector<std::string> names = names_of(session, side);
  const std::size_t found = position(names, name, index, side, model);
  if (names.size() > 1) {
    throw Error(ErrorKind::model, model + " wants " + std::to_string(names.size()) + " inputs (" + quoted(names) +
                                      "); only models with one, the image, can be run");
  }
  return describe(session, model, names[found], found, side);
}

TensorInfo find_output(const OrtSession* session, const std::string& model, const std::string& name, int index) {
  const Side side{"output", api().SessionGetOutputCount, api().SessionGetOutputName, api().SessionGetOutputTypeInfo};
  const std::vector<std::string> names = names_of(session, side);
  const std::size_t found = position(names, name, index, side, model);
  return describe(session, model, names[found], found, side);
}

std::vector<std::int64_t> shape_of(const OrtTensorTypeAndShapeInfo* info) {
  std::vector<std::int64_t> shape(get<std::size_t>(ErrorKind::model, kUnreadable, api().GetDimensionsCount, info));
  check(api().GetDimensions(info, shape.data(), shape.size()), ErrorKind::model, kUnreadable);
  return shape;
}

}  // namespace rmbg::ort
