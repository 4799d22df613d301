#include "bindings/arrow.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace rmbg::bindings {
namespace {

// The layouts that Arrow fixes: https://arrow.apache.org/docs/format/CDataInterface.html
struct Schema {
  const char* format;
  const char* name;
  const char* metadata;
  std::int64_t flags;
  std::int64_t children_count;
  Schema** children;
  Schema* dictionary;
  void (*release)(Schema*);
  void* own;
};
struct Array {
  std::int64_t length;
  std::int64_t null_count;
  std::int64_t offset;
  std::int64_t buffers_count;
  std::int64_t children_count;
  const void** buffers;
  Array** children;
  Array* dictionary;
  void (*release)(Array*);
  void* own;
};
constexpr const char* kBytes = "C";      // uint8
constexpr const char* kPixels = "+w:4";  // lists of four

template <typename T>
T& content(const py::object& capsule, const char* name) {
  auto* const pointer = static_cast<T*>(PyCapsule_GetPointer(capsule.ptr(), name));
  if (pointer == nullptr) throw py::error_already_set();
  if (pointer->release == nullptr) throw py::buffer_error("the Arrow capsule has been taken already");
  return *pointer;
}

// The bytes of the array, `bytes` of them at least.
const std::uint8_t* bytes_of(const Schema& schema, const Array& array, std::int64_t bytes) {
  const bool plain = std::strcmp(schema.format, kBytes) == 0 && array.buffers_count == 2 && array.null_count <= 0 &&
                     array.buffers[0] == nullptr && array.length >= bytes;
  if (!plain || array.buffers[1] == nullptr) throw py::buffer_error("the Arrow array is no array of bytes");
  return static_cast<const std::uint8_t*>(array.buffers[1]) + array.offset;
}

// Moved out of its capsule: it is given back when the last view of it goes.
py::capsule take(Array& array) {
  auto* const taken = new Array(array);
  array.release = nullptr;
  return py::capsule(taken, [](void* pointer) {
    auto* const last = static_cast<Array*>(pointer);
    last->release(last);
    delete last;
  });
}

}  // namespace

py::array from_arrow(const py::object& schema_capsule, const py::object& array_capsule, py::ssize_t width,
                     py::ssize_t height) {
  const Schema& schema = content<Schema>(schema_capsule, "arrow_schema");
  Array& array = content<Array>(array_capsule, "arrow_array");
  const std::int64_t pixels = std::int64_t{width} * height;
  std::vector<py::ssize_t> shape{height, width};
  const std::uint8_t* data = nullptr;
  if (std::strcmp(schema.format, kPixels) == 0) {
    if (schema.children_count != 1 || array.children_count != 1 || array.length != pixels || array.null_count > 0) {
      throw py::buffer_error("the Arrow array is no picture of this size");
    }
    data = bytes_of(*schema.children[0], *array.children[0], 4 * (array.offset + pixels)) + 4 * array.offset;
    shape.push_back(4);
  } else {
    if (array.length != pixels) throw py::buffer_error("the Arrow array is no picture of this size");
    data = bytes_of(schema, array, pixels);
  }
  py::array view(py::dtype::of<std::uint8_t>(), shape, data, take(array));
  view.attr("flags").attr("writeable") = false;
  return view;
}

}  // namespace rmbg::bindings
