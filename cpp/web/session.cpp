#include "web/session.hpp"

#include <algorithm>
#include <utility>

#include "codecs/dispatch.hpp"
#include "codecs/png_encode.hpp"
#include "core/error.hpp"
#include "core/pool.hpp"
#include "net/dispatch.hpp"
#include "pipeline/cutout.hpp"
#include "web/host.hpp"

namespace rmbg::web {
namespace {

std::size_t pixels(std::int32_t width, std::int32_t height) {
  return static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
}

// Of a step, in multiplications or what takes about as long: of the share of the time that it takes.
double work_of(const net::Plan& plan, const net::Schedule& schedule, std::size_t index) {
  const net::Step& step = plan.steps[index];
  const net::Ready& ready = schedule.steps[index];
  const auto floats = [&](int value) {
    const auto at = static_cast<std::size_t>(value);
    return static_cast<double>(net::floats_of(schedule.values[at].shape, plan.values[at]));
  };
  if (ready.algorithm == net::Algorithm::none) return 0;
  if (step.kind != net::StepKind::convolution) return 8 * floats(step.output);
  const double taps = step.window.height * step.window.width;
  const double saved = ready.algorithm != net::Algorithm::winograd ? 1 : ready.winograd == net::F6 ? 4 : 3;
  return floats(step.output) * static_cast<double>(net::depth_of(plan, step)) * taps / saved + 8 * floats(step.output);
}

// Tells the page how far a run is.
class Progress {
 public:
  Progress(const net::Plan& plan, const net::Schedule& schedule) : work_(plan.steps.size()) {
    for (std::size_t i = 0; i < work_.size(); ++i) whole_ += work_[i] = work_of(plan, schedule, i);
  }
  net::Observer observer() {
    return {this, [](void* self, std::size_t step) { static_cast<Progress*>(self)->done(step); }};
  }

 private:
  void done(std::size_t step) {
    done_ += work_[step];
    if (work_[step] > 0) rmbg_fast_progress(std::min(done_ / whole_, 1.0));
  }

  std::vector<double> work_;
  double whole_ = 0;
  double done_ = 0;
};

void run_parallel(void*, void (*work)(void*, std::size_t), void* data, std::size_t count) {
  run_on_pool(work, data, count);
}

// RGB samples become RGBA ones, opaque, from the last to the first.
void spread(std::uint8_t* samples, std::size_t count) {
  while (count-- > 0) {
    const std::uint8_t red = samples[3 * count], green = samples[3 * count + 1], blue = samples[3 * count + 2];
    std::uint8_t* to = samples + 4 * count;
    to[0] = red;
    to[1] = green;
    to[2] = blue;
    to[3] = 255;
  }
}

}  // namespace

Session::Session(const Recipe& recipe, net::Plan plan, const float* weights, int threads, std::size_t cache)
    : recipe_(recipe), network_(std::move(plan), weights, *net::chosen(), {threads, cache, true}), threads_(threads) {
  const net::Plan& made = network_.plan();
  const auto channels = [&](int value) { return made.values[static_cast<std::size_t>(value)].channels; };
  if (made.inputs.size() != 1 || made.outputs.size() != 1 || channels(made.inputs[0]) != 3 ||
      channels(made.outputs[0]) != 1) {
    fail(ErrorKind::model, "the network does not make one mask of one picture");
  }
}

std::uint8_t* Session::strip(std::int32_t width, std::int32_t rows) {
  strip_.reserve(4 * pixels(width, rows));
  return static_cast<std::uint8_t*>(strip_.data());
}

void Session::begin(std::int32_t width, std::int32_t height) {
  input_.emplace(recipe_, width, height, *tables_, planes_);
}

void Session::make_way() {
  for (Buffer* const buffer : {&strip_, &values_, &alpha_, &result_, &file_}) *buffer = Buffer();
  input_.reset();
  resizer_.reset();
  writer_.reset();
  tables_.emplace();
}

bool Session::run() {
  const PlaneSize size = input_->size();
  make_way();
  const auto schedule = network_.schedule({net::Shape{1, size.height, size.width}});
  const net::Shape made = schedule->values[static_cast<std::size_t>(network_.plan().outputs[0])].shape;
  mask_.resize(pixels(made.width, made.height));
  size_ = {mask_.data(), made.width, made.height};
  const auto* const input = static_cast<const float*>(planes_.data());
  float* output = mask_.data();
  Progress progress(network_.plan(), *schedule);
  const net::Observer observer = progress.observer();
  const bool done =
      network_.run(*schedule, &input, &output, {nullptr, &run_parallel, threads_, &cancelled_}, &observer);
  network_.rest();
  return done;
}

std::int32_t Session::cut(std::int32_t width, std::int32_t height, const BlendOptions& options) {
  values_.reserve(sizeof(float) * mask_.size());
  auto* const values = static_cast<float*>(values_.data());
  std::copy(mask_.begin(), mask_.end(), values);
  const AlphaSize size{width, height, kernels::MaskType::u8};
  resizer_.emplace(
      finish_mask(recipe_, values, {values, size_.width, size_.height}, size, false, *tables_, threads_, scene_));
  options_ = options;
  const auto row = 4 * static_cast<std::size_t>(width);
  return static_cast<std::int32_t>(std::clamp<std::size_t>(kStripBytes / row, 1, static_cast<std::size_t>(height)));
}

void Session::cut_rows(std::int32_t top, std::int32_t rows, std::int32_t channels) {
  const std::int32_t width = resizer_->width();
  alpha_.reserve(pixels(width, rows));
  const Plane plane{alpha_.data(), width, rows, width, kernels::MaskType::u8};
  resize_mask(*resizer_, plane, threads_, top);
  make_room(width, channels, rows);
  const std::int32_t made = options_.mode == kernels::BlendMode::over ? 3 : 4;
  const ImageView image = packed_view(strip_.data(), width, rows, 4, std::ptrdiff_t{width} * 4, Sample::u8);
  blend(image, plane, options_, {result(), width, rows, made, std::ptrdiff_t{width} * made, Sample::u8}, threads_);
  if (made < channels) spread(result(), pixels(width, rows));
}

void Session::make_room(std::int32_t width, std::int32_t stored, std::int32_t rows) {
  row_ = static_cast<std::size_t>(width) * static_cast<std::size_t>(stored);
  room_above_ = (row_ + 63) / 64 * 64;
  result_.reserve(room_above_ + row_ * static_cast<std::size_t>(rows));
}

std::int32_t Session::png(std::int32_t width, std::int32_t height, std::int32_t stored, std::int32_t channels) {
  image_ = packed_view(nullptr, width, height, stored, std::ptrdiff_t{width} * stored, Sample::u8);
  image_.channels = channels;
  writer_.emplace(codecs::active(), image_, std::vector<codecs::PngChunk>{});
  const std::int32_t band = writer_->band_rows();
  const auto bytes = static_cast<std::size_t>(image_.stride) * static_cast<std::size_t>(band);
  return band * static_cast<std::int32_t>(std::max<std::size_t>(kStripBytes / bytes, 1));
}

std::uint8_t* Session::to_write(std::int32_t rows) {
  make_room(image_.width, static_cast<std::int32_t>(image_.pixel_stride), rows);
  return result();
}

std::size_t Session::png_rows(std::int32_t rows) {
  file_.reserve(writer_->bound(rows));
  ImageView strip = image_;
  strip.data = result();
  strip.height = rows;
  const std::size_t bytes = writer_->write(strip, threads_, file());
  std::copy_n(result() + row_ * static_cast<std::size_t>(rows - 1), row_, result() - row_);
  return bytes;
}

}  // namespace rmbg::web
