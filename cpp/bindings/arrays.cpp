#include "bindings/arrays.hpp"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "bindings/gil.hpp"
#include "core/error.hpp"
#include "core/result_pool.hpp"

namespace rmbg::bindings {
namespace {

std::string describe(const py::array& array) {
  std::string shape;
  for (py::ssize_t i = 0; i < array.ndim(); ++i) shape += (i ? ", " : "") + std::to_string(array.shape(i));
  if (array.ndim() == 1) shape += ",";
  return py::str(array.dtype()).cast<std::string>() + " of shape (" + shape + ")";
}

template <typename T>
bool is(const py::array& array) {
  return py::isinstance<py::array_t<T>>(array);
}

// Samples of a row lie one behind the other. Strides along sides of length 1 say nothing.
bool rows_packed(const py::array& array) {
  py::ssize_t wanted = array.itemsize();
  for (py::ssize_t i = array.ndim() - 1; i > 0; --i) {
    if (array.shape(i) != 1 && array.strides(i) != wanted) return false;
    wanted *= array.shape(i);
  }
  const bool aligned = (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
  return aligned || array.itemsize() == 1;
}

// Of an array with packed rows.
bool rows_overlap(const py::array& array) {
  return array.shape(0) > 1 && std::abs(array.strides(0)) * array.shape(0) < array.nbytes();
}

// Of an alpha; images may lie as they like.
py::array packed(const py::array& array) {
  if (rows_packed(array)) return array;
  return py::module_::import("numpy").attr("require")(array, py::none(), "CA");
}

// The first byte and the one after the last that an array with these strides can touch.
std::pair<std::uintptr_t, std::uintptr_t> extent(const py::array& array) {
  auto begin = reinterpret_cast<std::uintptr_t>(array.data());
  auto end = begin + static_cast<std::uintptr_t>(array.itemsize());
  for (py::ssize_t i = 0; i < array.ndim(); ++i) {
    if (array.shape(i) == 0) return {begin, begin};
    const py::ssize_t reach = (array.shape(i) - 1) * array.strides(i);
    if (reach < 0) {
      begin -= static_cast<std::uintptr_t>(-reach);
    } else {
      end += static_cast<std::uintptr_t>(reach);
    }
  }
  return {begin, end};
}

// A copy where the array is not packed or its samples lie at odd addresses.
using AlignedFloats = py::array_t<float, int{py::array::c_style} | int{py::detail::npy_api::NPY_ARRAY_ALIGNED_}>;

Sample sample_of(const py::array& array) { return array.itemsize() == 2 ? Sample::u16 : Sample::u8; }

}  // namespace

void check_size(std::int64_t width, std::int64_t height) {
  const std::string size = std::to_string(width) + " x " + std::to_string(height) + " pixels";
  if (width < 1 || height < 1) throw Error(ErrorKind::image, "the image is empty (" + size + ")");
  if (width > kMaxSide || height > kMaxSide) {
    throw Error(ErrorKind::image_too_large,
                "the image has " + size + "; no side may be longer than " + std::to_string(kMaxSide));
  }
}

bool overlap(const py::array& a, const py::array& b) {
  const auto [a_begin, a_end] = extent(a);
  const auto [b_begin, b_end] = extent(b);
  return a_begin < b_end && b_begin < a_end;
}

ImageInput image_input(const py::array& array, bool grey_alpha) {
  const py::ssize_t channels = array.ndim() == 3 ? array.shape(2) : 1;
  const bool known = channels == 1 || channels == 3 || channels == 4 || (channels == 2 && grey_alpha);
  const bool shaped = (array.ndim() == 2 || array.ndim() == 3) && known;
  if (!shaped || !(is<std::uint8_t>(array) || is<std::uint16_t>(array))) {
    throw Error(ErrorKind::image,
                "an image must be uint8 or uint16 of shape (H, W), (H, W, 3) or (H, W, 4), not " + describe(array));
  }
  check_size(array.shape(1), array.shape(0));
  ImageView view =
      packed_view(array.data(), static_cast<std::int32_t>(array.shape(1)), static_cast<std::int32_t>(array.shape(0)),
                  static_cast<std::int32_t>(channels), array.strides(0), sample_of(array));
  // strides along sides of length 1 say nothing
  if (channels > 1) view.channel_stride = array.strides(2);
  if (view.width > 1) view.pixel_stride = array.strides(1);
  return {array, view};
}

MaskInput mask_input(const py::array& array) {
  if (array.ndim() != 2 || !is<float>(array)) {
    throw Error(ErrorKind::image, "a mask must be float32 of shape (H, W), not " + describe(array));
  }
  check_size(array.shape(1), array.shape(0));
  const py::array plane = AlignedFloats::ensure(array);
  const Mask view{static_cast<const float*>(plane.data()), static_cast<std::int32_t>(plane.shape(1)),
                  static_cast<std::int32_t>(plane.shape(0))};
  return {plane, view};
}

PlaneInput alpha_input(const py::array& array) {
  if (array.ndim() != 2 || !(is<std::uint8_t>(array) || is<std::uint16_t>(array))) {
    throw Error(ErrorKind::image, "alpha must be uint8 or uint16 of shape (H, W), not " + describe(array));
  }
  check_size(array.shape(1), array.shape(0));
  const py::array rows = packed(array);
  return {rows, Plane{const_cast<void*>(rows.data()), static_cast<std::int32_t>(rows.shape(1)),
                      static_cast<std::int32_t>(rows.shape(0)), rows.strides(0),
                      sample_of(rows) == Sample::u16 ? kernels::MaskType::u16 : kernels::MaskType::u8}};
}

void set_behind(BlendOptions& options, const std::optional<py::array>& behind, const ImageView& image) {
  if (!behind) return;
  if (options.mode != kernels::BlendMode::straight) {
    throw Error(ErrorKind::option, "premultiplied alpha and a background exclude each other: the result has no alpha");
  }
  const ImageView view = image_input(*behind).view;
  if (view.channels != 3 || view.width != image.width || view.height != image.height || view.sample != image.sample ||
      !is_packed(view)) {
    throw Error(
        ErrorKind::option,
        "a background picture must be packed RGB of the image's height, width and dtype, not " + describe(*behind));
  }
  options.mode = kernels::BlendMode::over;
  options.behind = view.data;
  options.behind_stride = view.stride;
}

py::array new_array(const py::dtype& dtype, const std::vector<py::ssize_t>& shape) {
  std::size_t bytes = static_cast<std::size_t>(dtype.itemsize());
  for (const py::ssize_t side : shape) {
    if (side < 0) throw Error(ErrorKind::option, "a shape has no negative sides");
    if (side != 0 && bytes > static_cast<std::size_t>(PY_SSIZE_T_MAX) / static_cast<std::size_t>(side)) {
      throw Error(ErrorKind::image_too_large, "the picture is too large for memory");
    }
    bytes *= static_cast<std::size_t>(side);
  }
  if (bytes < kPooledBytes) return py::array(dtype, shape);
  auto owned = std::make_unique<PooledMemory>();
  without_gil([&] { *owned = take_memory(bytes); });
  const py::capsule owner(owned.get(), [](void* pointer) {
    const std::unique_ptr<PooledMemory> memory(static_cast<PooledMemory*>(pointer));
    give_memory(*memory);
  });
  return py::array(dtype, shape, {}, owned.release()->data, owner);
}

py::array output_array(const py::object& out, const py::dtype& dtype, const std::vector<py::ssize_t>& shape,
                       const py::array& input) {
  if (out.is_none()) return new_array(dtype, shape);
  std::string wanted = "`out` must be a writable " + py::str(dtype).cast<std::string>() + " array of shape (";
  for (std::size_t i = 0; i < shape.size(); ++i) wanted += (i ? ", " : "") + std::to_string(shape[i]);
  wanted += ") with packed pixels";
  if (!py::isinstance<py::array>(out)) throw Error(ErrorKind::option, wanted);
  py::array array = py::reinterpret_borrow<py::array>(out);
  if (!array.writeable()) throw Error(ErrorKind::option, "`out` is read-only: give memory that may be written");
  bool fits = array.dtype().equal(dtype) && array.ndim() == static_cast<py::ssize_t>(shape.size());
  for (std::size_t i = 0; fits && i < shape.size(); ++i) fits = array.shape(static_cast<py::ssize_t>(i)) == shape[i];
  if (!fits || !rows_packed(array)) throw Error(ErrorKind::option, wanted + ", not " + describe(array));
  if (rows_overlap(array)) throw Error(ErrorKind::option, "the rows of `out` overlap each other in memory");
  if (overlap(array, input)) throw Error(ErrorKind::option, "`out` overlaps the input in memory");
  return array;
}

MutableImageView image_output(const py::array& array) {
  return {const_cast<void*>(array.data()),
          static_cast<std::int32_t>(array.shape(1)),
          static_cast<std::int32_t>(array.shape(0)),
          static_cast<std::int32_t>(array.shape(2)),
          array.strides(0),
          sample_of(array)};
}

Plane plane_output(const py::array& array) {
  const auto type = array.itemsize() == 1   ? kernels::MaskType::u8
                    : array.itemsize() == 2 ? kernels::MaskType::u16
                                            : kernels::MaskType::f32;
  return {const_cast<void*>(array.data()), static_cast<std::int32_t>(array.shape(1)),
          static_cast<std::int32_t>(array.shape(0)), array.strides(0), type};
}

}  // namespace rmbg::bindings
