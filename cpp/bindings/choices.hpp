// The words that Python uses for the core's enums.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "core/image.hpp"
#include "kernels/kernels.hpp"
#include "pipeline/types.hpp"

namespace rmbg::bindings {

// Each throws Error(option) with the words that are allowed.
Resample resample_of(const std::string& word);
kernels::Rounding rounding_of(const std::string& word);
MaskResample mask_resample_of(const std::string& word);
MinMaxOrder minmax_order_of(const std::string& word);
bool estimates_foreground(const std::string& word);  // true: estimate, false: keep
bool mask_rounds(const std::string& word);           // true: nearest, false: truncate
// `option` is what the caller names the mode. A background asks for BlendMode::over. Background and threshold come on
// the 8-bit scale and leave on the image's. Throws for a threshold outside 1..255 and for a background with
// premultiplied alpha.
BlendOptions blend_options(const char* option, const std::string& mode,
                           const std::optional<std::array<int, 3>>& background, std::optional<int> threshold,
                           Sample sample);
kernels::MaskType mask_type_of(const std::string& dtype);

}  // namespace rmbg::bindings
