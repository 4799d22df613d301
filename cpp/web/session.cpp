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
    : recipe_(recipe), network_(std::move(plan), weights, *net::chosen(), {threads, cache}), threads_(threads) {
  const net::Plan& made = network_.plan();
  const auto channels = [&](int value) { return made.values[static_cast<std::size_t>(value)].channels; };
  if (made.inputs.size() != 1 || made.outputs.size() != 1 || channels(made.inputs[0]) != 3 ||
      channels(made.outputs[0]) != 1) {
    fail(ErrorKind::model, "the network does not make one mask of one picture");
  }
}

std::uint8_t* Session::picture(std::int32_t width, std::int32_t height) {
  width_ = width;
  height_ = height;
  picture_.reserve(4 * pixels(width, height));
  return file();
}

bool Session::run() {
  const PlaneSize size = input_size(recipe_, width_, height_);
  input_.reserve(3 * sizeof(float) * pixels(size.width, size.height));
  fill_input(recipe_, image(), size, false, tables_, threads_, input_.data());

  const auto schedule = network_.schedule({net::Shape{1, size.height, size.width}});
  const net::Shape made = schedule->values[static_cast<std::size_t>(network_.plan().outputs[0])].shape;
  mask_.resize(pixels(made.width, made.height));
  size_ = {mask_.data(), made.width, made.height};
  const auto* input = static_cast<const float*>(input_.data());
  float* output = mask_.data();
  Progress progress(network_.plan(), *schedule);
  const net::Observer observer = progress.observer();
  return network_.run(*schedule, &input, &output, {nullptr, &run_parallel, threads_, &cancelled_}, &observer);
}

void Session::cut(const BlendOptions& options) {
  output_.reserve(sizeof(float) * mask_.size());
  auto* const values = static_cast<float*>(output_.data());
  std::copy(mask_.begin(), mask_.end(), values);
  const Mask mask{values, size_.width, size_.height};
  const AlphaSize size{width_, height_, kernels::MaskType::u8};
  const MaskResizer resizer = finish_mask(recipe_, values, mask, size, false, tables_, threads_, scene_);
  alpha_.reserve(pixels(width_, height_));
  const Plane plane{alpha_.data(), width_, height_, width_, kernels::MaskType::u8};
  resize_mask(resizer, plane, threads_);
  result_.reserve(4 * pixels(width_, height_));
  const bool over = options.mode == kernels::BlendMode::over;
  const std::int32_t channels = over ? 3 : 4;
  blend(image(), plane, options,
        {result_.data(), width_, height_, channels, std::ptrdiff_t{width_} * channels, Sample::u8}, threads_);
  if (over) spread(result(), pixels(width_, height_));
}

std::uint8_t* Session::to_write(std::int32_t width, std::int32_t height) {
  result_.reserve(4 * pixels(width, height));
  return result();
}

std::size_t Session::png(std::int32_t width, std::int32_t height, std::int32_t channels) {
  ImageView view = packed_view(result_.data(), width, height, 4, std::ptrdiff_t{width} * 4, Sample::u8);
  view.channels = channels;
  picture_.reserve(codecs::png_bound(view, {}));
  return codecs::png_encode(codecs::active(), view, {}, threads_, file());
}

}  // namespace rmbg::web
