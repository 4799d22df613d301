#include "pipeline/remover.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "core/error.hpp"
#include "pipeline/cutout.hpp"
#include "pipeline/foreground.hpp"
#include "pipeline/preprocess.hpp"
#include "pipeline/scaling.hpp"

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

// What is wrong with the input's shape [batch, channels, height, width], in the words of who made the model.
std::string input_problem(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& wanted) {
  const auto is = [](std::int64_t side, std::int64_t value) { return side < 0 || side == value; };
  if (shape.size() != 4) {
    return "an image is [batch, 3, height, width]: export the model with these " + std::to_string(wanted.size()) +
           " dimensions";
  }
  if (shape[3] == 3 && wanted[3] != 3 && shape[1] != 3) {
    return "its layout is NHWC, channels last: export it as NCHW, [batch, 3, height, width]";
  }
  if (!is(shape[1], 3)) return "it wants " + std::to_string(shape[1]) + " channels: only RGB, 3 channels, is fed";
  if (!is(shape[0], 1)) {
    return "its batch is fixed at " + std::to_string(shape[0]) +
           ": images go in one at a time; export it with a batch of 1 or a free one";
  }
  return "correct `size` in the model's row";
}

void check_input(const ort::TensorInfo& input, const Recipe& recipe) {
  const std::int64_t any = recipe.dynamic ? -1 : 0;
  const std::vector<std::int64_t> wanted{1, 3, any ? any : recipe.height, any ? any : recipe.width};
  bool fits = input.shape.size() == wanted.size();
  for (std::size_t i = 0; fits && i < wanted.size(); ++i) fits = input.shape[i] < 0 || input.shape[i] == wanted[i];
  if (!fits) {
    throw Error(ErrorKind::model, "the model's input '" + input.name + "' has the shape " + shape_text(input.shape) +
                                      ", the recipe makes " + shape_text(wanted) + ": " +
                                      input_problem(input.shape, wanted));
  }
}

Mask check_output(const cuda::HostBuffer& data, const std::vector<std::int64_t>& shape) {
  const std::size_t rank = shape.size();
  bool plane = rank >= 2 && shape[rank - 1] >= 1 && shape[rank - 2] >= 1 && shape[rank - 1] <= kMaxSide &&
               shape[rank - 2] <= kMaxSide;
  for (std::size_t i = 0; plane && i + 2 < rank; ++i) plane = shape[i] == 1;
  if (!plane) {
    throw Error(ErrorKind::model,
                "the model's output has the shape " + shape_text(shape) +
                    ", which is not one mask [1, 1, height, width]: choose another `output` in the model's row");
  }
  return {static_cast<const float*>(data.data()), static_cast<std::int32_t>(shape[rank - 1]),
          static_cast<std::int32_t>(shape[rank - 2])};
}

std::size_t count_of(const Mask& mask) {
  return static_cast<std::size_t>(mask.width) * static_cast<std::size_t>(mask.height);
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
    if (!scratch_) scratch_ = std::make_unique<Scratch>(owner_.session_.device());
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

Outcome Remover::mask(const ImageView& image, bool strict, const Plane& dst) {
  Lease lease(*this);
  Outcome outcome{};
  const Mask mask = infer(image, lease.get(), outcome.timings);
  const auto start = Clock::now();
  const MaskResizer alpha = finish_mask(image, mask, dst.type, strict, lease.get(), outcome.scene);
  resize_mask(alpha, dst, threads_);
  outcome.timings.postprocess = milliseconds_since(start);
  return outcome;
}

Outcome Remover::remove(const ImageView& image, const BlendOptions& options, bool estimate, bool strict,
                        const MutableImageView& dst) {
  Lease lease(*this);
  Outcome outcome{};
  const Mask mask = infer(image, lease.get(), outcome.timings);
  const auto start = Clock::now();
  const auto type = image.sample == Sample::u16 ? kernels::MaskType::u16 : kernels::MaskType::u8;
  const MaskResizer alpha = finish_mask(image, mask, type, strict, lease.get(), outcome.scene);
  (estimate ? cutout_estimated : cutout)(image, alpha, options, dst, threads_);
  outcome.timings.postprocess = milliseconds_since(start);
  return outcome;
}

Outcome Remover::predict(const ImageView& image, const BlendOptions& options, bool estimate, bool strict,
                         const MutableImageView& dst, const Plane& mask_dst) {
  Lease lease(*this);
  Outcome outcome{};
  const Mask mask = infer(image, lease.get(), outcome.timings);
  const auto start = Clock::now();
  const auto type = image.sample == Sample::u16 ? kernels::MaskType::u16 : kernels::MaskType::u8;
  const MaskResizer alpha = finish_mask(image, mask, type, strict, lease.get(), outcome.scene);
  (estimate ? cutout_estimated : cutout)(image, alpha, options, dst, threads_);
  resize_mask(alpha, mask_dst, threads_);
  outcome.timings.postprocess = milliseconds_since(start);
  return outcome;
}

Mask Remover::infer(const ImageView& image, Scratch& scratch, Timings& timings) {
  auto start = Clock::now();
  const bool half = session_.input().type == ort::ElementType::float16;
  const InputSize size = input_size(image);
  const std::size_t values = 3 * static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width);
  scratch.input.reserve(values * (half ? 2 : 4));
  fill_input(image, size, scratch.input.data());
  timings.preprocess = milliseconds_since(start);

  start = Clock::now();
  const auto shape = session_.run(scratch.input.data(), {1, 3, size.height, size.width}, scratch.output);
  timings.inference = milliseconds_since(start);
  return check_output(scratch.output, shape);
}

Remover::InputSize Remover::input_size(const ImageView& image) const {
  if (!recipe_.dynamic) return {recipe_.height, recipe_.width};
  const auto side = [&](std::int32_t own, std::int32_t most) {
    return std::max(std::min(own, most) / recipe_.dynamic, 1) * recipe_.dynamic;
  };
  return {side(image.height, recipe_.height), side(image.width, recipe_.width)};
}

void Remover::fill_input(const ImageView& image, const InputSize& size, void* input) {
  kernels::NormalizedPlanes planes{};
  planes.width = size.width;
  planes.height = size.height;
  planes.rounding = recipe_.rounding;
  planes.half = session_.input().type == ort::ElementType::float16;
  planes.dst = input;
  const double white =
      recipe_.divide_by_max ? largest_value(image, recipe_.resample, planes, tables_, threads_) : 255.0;
  for (int c = 0; c < 3; ++c) {
    planes.scale[c] = static_cast<float>(1.0 / (white * recipe_.std[c]));
    planes.bias[c] = static_cast<float>(-recipe_.mean[c] / recipe_.std[c]);
  }
  preprocess(image, recipe_.resample, false, planes, tables_, threads_);
}

MaskResizer Remover::finish_mask(const ImageView& image, const Mask& mask, kernels::MaskType type, bool strict,
                                 Scratch& scratch, Scene& scene) {
  auto* const values = static_cast<float*>(scratch.output.data());
  const MaskRange range = recipe_.sigmoid ? write_sigmoid(mask, values, threads_) : range_of(mask, threads_);
  MaskResizer alpha(tables_, mask, recipe_.mask_resample, image.width, image.height, type);
  const SceneRule rule{recipe_.minmax, recipe_.empty_below, recipe_.empty_is_opaque};
  scene = judge(mask, alpha.range(range, recipe_.minmax, threads_), rule, threads_);
  const float top = top_of(type);
  if (scene.problem.empty()) {
    alpha.scale(scaling_of(scene.range, recipe_.minmax, top), recipe_.mask_nearest, threads_);
    scene.box = subject_box(alpha);
    return alpha;
  }
  if (strict) throw Error(ErrorKind::model_output, scene.problem);
  if (scene.opaque) scene.box = Box{0, 0, image.width, image.height};
  std::fill_n(values, count_of(mask), scene.opaque ? 1.0f : 0.0f);
  MaskResizer flat(tables_, mask, MaskResample::nearest, image.width, image.height, type);
  flat.scale(unit(top), true, threads_);
  return flat;
}

}  // namespace rmbg
