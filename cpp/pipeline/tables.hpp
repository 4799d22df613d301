// The tables of axis.hpp, made once for each pair of lengths and kept for the next picture of that size.
#pragma once

#include <cstdint>
#include <memory>

#include "pipeline/axis.hpp"

namespace rmbg {

// Each keeps the tables that were asked for last, at most kKeptTables of a kind; a table that is in use lives on. Many
// threads may ask at once. Filters of many taps cost as much to make as a small picture costs to resize.
constexpr std::size_t kKeptTables = 32;

std::shared_ptr<const BilinearTable> kept_bilinear(std::int32_t in, std::int32_t out, Centres centres);
std::shared_ptr<const FilterTable> kept_triangle(std::int32_t in, std::int32_t out);
std::shared_ptr<const LevelTable> kept_levels(std::int32_t in, std::int32_t out, Filter filter);
std::shared_ptr<const MaskTable> kept_mask(std::int32_t in, std::int32_t out, MaskResample resample);

}  // namespace rmbg
