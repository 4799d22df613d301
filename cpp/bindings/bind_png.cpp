#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#if defined(__GLIBC__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "codecs/dispatch.hpp"
#include "codecs/png_encode.hpp"
#include "codecs/png_unfilter.hpp"
#include "core/error.hpp"
#include "core/result_pool.hpp"

namespace rmbg::bindings {
namespace {

// (type, body) pairs of bytes, which must outlive what is given.
std::vector<codecs::PngChunk> chunks_of(const std::vector<std::pair<py::bytes, py::bytes>>& pairs) {
  std::vector<codecs::PngChunk> chunks;
  for (const auto& [type, body] : pairs) {
    const std::string_view name = type;
    const std::string_view data = body;
    const bool ancillary = name.size() == 4 && std::islower(static_cast<unsigned char>(name[0])) &&
                           std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalpha(c) != 0; });
    if (!ancillary) throw Error(ErrorKind::option, "a chunk's type must be four letters, the first a small one");
    if (data.size() > std::numeric_limits<std::int32_t>::max()) throw Error(ErrorKind::option, "a chunk is too long");
    codecs::PngChunk chunk{{}, reinterpret_cast<const std::uint8_t*>(data.data()), data.size()};
    std::copy(name.begin(), name.end(), chunk.type);
    chunks.push_back(chunk);
  }
  return chunks;
}

// Bytes of at least so many, of any content, for a large file that will be cut to its size. glibc maps a block of more
// than 32 MiB for itself, whatever its thresholds have grown to, and gives it back when it dies; smaller ones stay in the
// arena of the thread that took them, one such in each thread of a server. Only what is written takes memory.
PyObject* file_of(std::size_t bytes) {
#if defined(__GLIBC__)
  constexpr std::size_t kMapped = (std::size_t{32} << 20) + 1;
  const bool large = bytes >= kPooledBytes;
  PyObject* const file =
      PyBytes_FromStringAndSize(nullptr, static_cast<py::ssize_t>(large ? std::max(bytes, kMapped) : bytes));
  if (file != nullptr && large) {
    const auto begin =
        (reinterpret_cast<std::uintptr_t>(PyBytes_AS_STRING(file)) + kLargePage - 1) / kLargePage * kLargePage;
    madvise(reinterpret_cast<void*>(begin), bytes, MADV_HUGEPAGE);
  }
  return file;
#else
  return PyBytes_FromStringAndSize(nullptr, static_cast<py::ssize_t>(bytes));
#endif
}

// The file is written into the object itself, which is made as large as it might become and then cut.
py::bytes png_encode_array(const py::array& pixels, const std::vector<std::pair<py::bytes, py::bytes>>& chunk_pairs,
                           int threads) {
  if (threads < 1) throw Error(ErrorKind::option, "threads must be 1 or more, not " + std::to_string(threads));
  const ImageInput input = image_input(pixels, true);
  const std::vector<codecs::PngChunk> chunks = chunks_of(chunk_pairs);
  const std::size_t bound = codecs::png_bound(input.view, chunks);
  PyObject* file = file_of(bound);
  if (!file) throw py::error_already_set();
  std::size_t size = 0;
  try {
    auto* memory = reinterpret_cast<std::uint8_t*>(PyBytes_AS_STRING(file));
    without_gil([&] { size = codecs::png_encode(codecs::active(), input.view, chunks, threads, memory); });
  } catch (...) {
    Py_DECREF(file);
    throw;
  }
  if (_PyBytes_Resize(&file, static_cast<py::ssize_t>(size)) != 0) throw py::error_already_set();
  return py::reinterpret_steal<py::bytes>(file);
}

py::array png_filter_array(const py::array& pixels, int threads) {
  const ImageInput input = image_input(pixels, true);
  const py::ssize_t row = py::ssize_t{input.view.width} * input.view.channels * bytes_of(input.view.sample);
  py::array_t<std::uint8_t> rows({py::ssize_t{input.view.height}, row + 1});
  std::uint8_t* const memory = rows.mutable_data();
  without_gil([&] { codecs::png_filter(codecs::active(), input.view, threads, memory); });
  return rows;
}

std::int64_t png_unfilter_array(const py::array& filtered, int pixel_bytes, const py::array& out) {
  const bool known = (1 <= pixel_bytes && pixel_bytes <= 4) || pixel_bytes == 6 || pixel_bytes == 8;
  if (!known) throw Error(ErrorKind::option, "pixel_bytes must be 1 to 4, 6 or 8, not " + std::to_string(pixel_bytes));
  const bool packed = (filtered.flags() & py::array::c_style) != 0;
  if (filtered.ndim() != 2 || !py::isinstance<py::array_t<std::uint8_t>>(filtered) || !packed ||
      filtered.shape(1) < 1 || (filtered.shape(1) - 1) % pixel_bytes != 0) {
    throw Error(ErrorKind::image, "filtered rows must be packed uint8 of shape (height, 1 + width * pixel_bytes)");
  }
  const py::array rows = output_array(out, filtered.dtype(), {filtered.shape(0), filtered.shape(1) - 1}, filtered);
  if ((rows.flags() & py::array::c_style) == 0) throw Error(ErrorKind::option, "`out` must be C-contiguous");
  std::int64_t done = 0;
  without_gil([&] {
    done = codecs::png_unfilter(static_cast<const std::uint8_t*>(filtered.data()), filtered.shape(0), rows.shape(1),
                                pixel_bytes, static_cast<std::uint8_t*>(const_cast<void*>(rows.data())));
  });
  return done;
}

}  // namespace

void bind_png(py::module_& m) {
  m.def("png_encode", &png_encode_array, py::arg("pixels"), py::kw_only(), py::arg("chunks"), py::arg("threads"));
  m.def("png_filter", &png_filter_array, py::arg("pixels"), py::kw_only(), py::arg("threads"));
  m.def("png_unfilter", &png_unfilter_array, py::arg("filtered"), py::arg("pixel_bytes"), py::arg("out"));
}

}  // namespace rmbg::bindings
