#include "pipeline/remover.hpp"

#include <chrono>
#include <cmath>
#include <string>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace rmbg {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + (shape[i] < 0 ? std::string("?") : std::to_string(shape[i]));
  }
  return text + "]";
}

void check_input(const ort::TensorInfo& input, const Recipe& recipe) {
  const std::vector<std::int64_t> wanted{1, 3, recipe.height, recipe.width};
  bool fits = input.shape.size() == wanted.size();
  for (std::size_t i = 0; fits && i < wanted.size(); ++i) fits = input.shape[i] < 0 || input.shape[i] == wanted[i];
  if (!fits) {
    throw Error(ErrorKind::model, "the model's input '" + input.name + "' has the shape " + shape_text(input.shape) +
                                      ", the recipe makes " + shape_text(wanted) + ": correct `size` in the model's row");
  }
}

Mask check_output(const std::vector<float>& data, const std::vector<std::int64_t>& shape) {
  const std::size_t rank = shape.size();
  bool plane = rank >= 2 && shape[rank - 1] >= 1 && shape[rank - 2] >= 1 && shape[rank - 1] <= kMaxSide &&
               shape[rank - 2] <= kMaxSide;
  for (std::size_t i = 0; plane && i + 2 < rank; ++i) plane = shape[i] == 1;
  if (!plane) {
    throw Error(ErrorKind::model, "the model's output has the shape " + shape_text(shape) +
                                      ", which is not one mask [1, 1, height, width]: choose another `output` in the model's row");
  }
  return {data.data(), static_cast<std::int32_t>(shape[rank - 1]), static_cast<std::int32_t>(shape[rank - 2])};
}

void apply_sigmoid(std::vector<float>& values) {
  for (float& v : values) v = 1.0f / (1.0f + std::exp(-v));
}

}  // namespace

// Takes a Scratch out of the idle ones (or makes one) and gives it back at the end of the call, whatever happens.
class Remover::Lease {
 public:
  explicit Lease(Remover& owner) : owner_(owner) {
    const std::lock_guard lock(owner_.guard_);
    if (owner_.idle_.empty()) return;
    scratch_ = std::move(owner_.idle_.back());
    owner_.idle_.pop_back();
  }
  ~Lease() {
    const std::lock_guard lock(owner_.guard_);
    if (scratch_ && owner_.idle_.size() < kIdle) owner_.idle_.push_back(std::move(scratch_));
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Scratch& get() {
    if (!scratch_) scratch_ = std::make_unique<Scratch>();
    return *scratch_;
  }

 private:
  Remover& owner_;
  std::unique_ptr<Scratch> scratch_;
};

Remover::Remover(const ort::SessionConfig& config, const Recipe& recipe)
    : recipe_(recipe), threads_(config.intra_op_threads), session_(config) {
  idle_.reserve(kIdle);
  check_input(session_.input(), recipe_);
}

Timings Remover::mask(const ImageView& image, const Plane& dst) {
  Lease lease(*this);
  Timings timings{};
  const Mask mask = infer(image, lease.get(), timings);
  const auto start = Clock::now();
  resize_mask(mask, mask_options(mask, dst.type), dst, threads_);
  timings.postprocess = milliseconds_since(start);
  return timings;
}

Timings Remover::remove(const ImageView& image, const BlendOptions& options, const MutableImageView& dst) {
  Lease lease(*this);
  Timings timings{};
  const Mask mask = infer(image, lease.get(), timings);
  const auto start = Clock::now();
  const auto type = image.sample == Sample::u16 ? kernels::MaskType::u16 : kernels::MaskType::u8;
  cutout(image, mask, mask_options(mask, type), options, dst, threads_);
  timings.postprocess = milliseconds_since(start);
  return timings;
}

Mask Remover::infer(const ImageView& image, Scratch& scratch, Timings& timings) const {
  auto start = Clock::now();
  const bool half = session_.input().type == ort::ElementType::float16;
  const std::size_t values = 3 * static_cast<std::size_t>(recipe_.height) * static_cast<std::size_t>(recipe_.width);
  scratch.input.reserve(values * (half ? 2 : 4));
  fill_input(image, scratch.input.data());
  timings.preprocess = milliseconds_since(start);

  start = Clock::now();
  const auto shape = session_.run(scratch.input.data(), {1, 3, recipe_.height, recipe_.width}, scratch.output);
  const Mask mask = check_output(scratch.output, shape);
  if (recipe_.sigmoid) apply_sigmoid(scratch.output);
  timings.inference = milliseconds_since(start);
  return mask;
}

void Remover::fill_input(const ImageView& image, void* input) const {
  kernels::NormalizedPlanes planes{};
  planes.width = recipe_.width;
  planes.height = recipe_.height;
  planes.rounding = recipe_.rounding;
  planes.half = session_.input().type == ort::ElementType::float16;
  planes.dst = input;
  double largest = 255.0;
  if (recipe_.divide_by_max) {
    // A first pass with scale 1 finds the largest resized sample; a black picture keeps 255.
    const std::int32_t height = 3 * recipe_.height;
    Buffer plain(sizeof(float) * static_cast<std::size_t>(height) * static_cast<std::size_t>(recipe_.width));
    kernels::NormalizedPlanes identity = planes;
    for (float& scale : identity.scale) scale = 1.0f;
    identity.half = false;
    identity.dst = plain.data();
    preprocess(image, recipe_.resample, false, identity, threads_);
    const float found = minmax({static_cast<const float*>(plain.data()), recipe_.width, height}, threads_).hi;
    if (found > 0.0f) largest = found;
  }
  for (int c = 0; c < 3; ++c) {
    planes.scale[c] = static_cast<float>(1.0 / (largest * recipe_.std[c]));
    planes.bias[c] = static_cast<float>(-recipe_.mean[c] / recipe_.std[c]);
  }
  preprocess(image, recipe_.resample, false, planes, threads_);
}

MaskOptions Remover::mask_options(const Mask& mask, kernels::MaskType type) const {
  MaskOptions options;
  options.resample = recipe_.mask_resample;
  options.nearest = recipe_.mask_nearest;
  const kernels::MinMax range = minmax(mask, threads_);
  check_finite(range);
  const float top = top_of(type);
  options.scaling = recipe_.minmax ? stretch(range, top) : unit(top);
  return options;
}

}  // namespace rmbg
