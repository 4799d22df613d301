#include "web/input_strips.hpp"

#include <algorithm>

namespace rmbg::web {

namespace {

void* room_for(PlaneSize size, Buffer& planes) {
  planes.reserve(3 * sizeof(float) * static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height));
  return planes.data();
}

}  // namespace

InputStrips::InputStrips(const Recipe& recipe, std::int32_t width, std::int32_t height, Tables& tables, Buffer& planes)
    : recipe_(recipe),
      tables_(tables),
      width_(width),
      height_(height),
      size_(input_size(recipe, width, height)),
      sources_(source_rows(height, size_.height, recipe.resample, tables)),
      job_(input_planes(recipe, size_, false, room_for(size_, planes))),
      measures_(recipe.divide_by_max) {
  if (measures_) job_ = as_levels(job_);
  next(0);
}

void InputStrips::next(std::int32_t begin) {
  const auto out = static_cast<std::int32_t>(sources_.size());
  const auto source = [&](std::int32_t y) { return sources_[static_cast<std::size_t>(y)]; };
  there_ = {0, begin, begin};
  rows_ = 0;
  if (begin == out) return;
  there_.top = source(begin).first;
  // Rows that two strips share are read twice.
  const auto row = 4 * static_cast<std::size_t>(width_);
  const auto fitting = static_cast<std::int32_t>(std::min<std::size_t>(kStripBytes / row, 1 << 20));
  const std::int32_t most = std::max(fitting, 3 * source(begin).count);
  const auto end = [&](std::int32_t y) { return source(y).first + source(y).count - there_.top; };
  while (there_.end < out && (there_.end == begin || end(there_.end) <= most)) {
    rows_ = std::max(rows_, end(there_.end));
    ++there_.end;
  }
}

void InputStrips::feed(const void* strip, int threads) {
  const ImageView image = packed_view(strip, width_, height_, 4, std::ptrdiff_t{width_} * 4, Sample::u8);
  preprocess_rows(image, recipe_.resample, false, job_, there_, tables_, threads);
  next(there_.end);
  if (more() || !measures_) return;
  measures_ = false;
  const double white = largest_level(job_, threads);
  normalize(recipe_, white, job_);
  next(0);
}

}  // namespace rmbg::web
