// A picture of any size -> the tensor that a model reads.
#pragma once

#include <cstdint>
#include <vector>

#include "core/image.hpp"
#include "kernels/kernels.hpp"
#include "pipeline/tables.hpp"
#include "pipeline/types.hpp"

namespace rmbg {

// Fills `planes` (its dst, size, scale, bias, rounding and half) from `image`; pillow_* are whole levels, whatever the
// rounding. 16-bit samples are first brought to 8 bits, rounded. Sides of `planes` are at most kMaxModelSide.
void preprocess(const ImageView& image, Resample resample, bool bgr, const kernels::NormalizedPlanes& planes,
                Tables& tables, int threads);

// Rows of the output, and what of the picture is there.
struct Stretch {
  std::int32_t top;    // the picture's row that its data begins with
  std::int32_t begin;  // output rows [begin, end)
  std::int32_t end;
};

// The same for some of the rows: of the picture only those that `source_rows` names for them need be there.
void preprocess_rows(const ImageView& image, Resample resample, bool bgr, const kernels::NormalizedPlanes& planes,
                     const Stretch& rows, Tables& tables, int threads);

struct SourceRows {
  std::int32_t first;
  std::int32_t count;
};

// The rows of a picture `in` rows high that each of `out` output rows is made of; `first` never falls.
std::vector<SourceRows> source_rows(std::int32_t in, std::int32_t out, Resample resample, Tables& tables);

// What a whole sample is worth where the picture is divided by its own largest one: the largest value of the resized
// picture on the 0..255 scale, 255 for a black one (U2-Net's own code). `planes` says the size and the rounding; the
// rest of it is not read.
double largest_value(const ImageView& image, Resample resample, const kernels::NormalizedPlanes& planes, Tables& tables,
                     int threads);

// The two halves of it: `planes` for the resized picture on the 0..255 scale, and the largest value once they are filled.
kernels::NormalizedPlanes as_levels(kernels::NormalizedPlanes planes);
double largest_level(const kernels::NormalizedPlanes& planes, int threads);

}  // namespace rmbg
