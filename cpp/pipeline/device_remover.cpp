#include "pipeline/device_remover.hpp"

#include <utility>

#include "core/error.hpp"
#include "core/stop.hpp"
#include "pipeline/mask_resizer.hpp"
#include "pipeline/scaling.hpp"

namespace rmbg {
namespace {

kernels::MaskType type_of(const ImageView& image) {
  return image.sample == Sample::u16 ? kernels::MaskType::u16 : kernels::MaskType::u8;
}

}  // namespace

DeviceCall::DeviceCall(DeviceRemover& owner) : owner_(owner) {
  {
    const std::lock_guard lock(owner_.guard_);
    if (!owner_.idle_.empty()) {
      scratch_ = std::move(owner_.idle_.back());
      owner_.idle_.pop_back();
    }
  }
  if (!scratch_) scratch_ = std::make_unique<DeviceRemover::Scratch>(owner_.device(), owner_.tables_);
}

DeviceCall::~DeviceCall() {
  try {
    stream().wait();  // a call that failed half-way may have left work on the caller's memory
  } catch (const Error&) {
    return;  // the device is lost, and its scratch with it
  }
  const std::lock_guard lock(owner_.guard_);
  if (owner_.idle_.size() < DeviceRemover::kIdle) owner_.idle_.push_back(std::move(scratch_));
}

Outcome DeviceCall::mask(const ImageView& image, bool strict, const Plane& dst) {
  Outcome outcome{};
  const Mask mask = infer(image, outcome.timings);
  Stopwatch watch;
  const AlphaOptions alpha = finish_mask(image, mask, dst.type, strict, outcome.scene);
  scratch_->steps.resize_mask(mask, alpha, dst);
  stream().wait();
  outcome.timings.postprocess = watch.lap();
  return outcome;
}

Outcome DeviceCall::remove(const ImageView& image, const BlendOptions& options, bool strict,
                           const MutableImageView& dst) {
  Outcome outcome{};
  const Mask mask = infer(image, outcome.timings);
  Stopwatch watch;
  const AlphaOptions alpha = finish_mask(image, mask, type_of(image), strict, outcome.scene);
  scratch_->steps.cutout(image, mask, alpha, options, dst);
  stream().wait();
  outcome.timings.postprocess = watch.lap();
  return outcome;
}

Outcome DeviceCall::predict(const ImageView& image, const BlendOptions& options, bool strict,
                            const MutableImageView& dst, const Plane& mask_dst) {
  Outcome outcome{};
  const Mask mask = infer(image, outcome.timings);
  Stopwatch watch;
  const AlphaOptions alpha = finish_mask(image, mask, type_of(image), strict, outcome.scene);
  scratch_->steps.cutout(image, mask, alpha, options, dst);
  scratch_->steps.resize_mask(mask, alpha, mask_dst);
  stream().wait();
  outcome.timings.postprocess = watch.lap();
  return outcome;
}

Mask DeviceCall::infer(const ImageView& image, Timings& timings) {
  Stopwatch watch;
  const ort::Session& session = owner_.session_;
  const Recipe& recipe = owner_.recipe_;
  DeviceSteps& steps = scratch_->steps;
  const PlaneSize size = input_size(recipe, image.width, image.height);
  const std::size_t values = 3 * static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width);
  scratch_->input.reserve(values * (session.input().type == ort::ElementType::float16 ? 2 : 4));
  kernels::NormalizedPlanes planes =
      input_planes(recipe, size, session.input().type == ort::ElementType::float16, scratch_->input.data());
  if (recipe.divide_by_max) normalize(recipe, steps.largest_value(image, recipe.resample, planes), planes);
  steps.preprocess(image, recipe.resample, planes);
  stream().wait();
  timings.preprocess = watch.lap();
  check_stop();

  const auto shape =
      session.run_on_device(scratch_->input.data(), {1, 3, size.height, size.width}, scratch_->output, stream());
  timings.inference = watch.lap();
  check_stop();
  const PlaneSize mask = output_size(shape);
  const bool half = session.output().type == ort::ElementType::float16;
  return steps.mask_of(scratch_->output.data(), half, recipe.sigmoid, mask.width, mask.height);
}

AlphaOptions DeviceCall::finish_mask(const ImageView& image, const Mask& mask, kernels::MaskType type, bool strict,
                                     Scene& scene) {
  const Recipe& recipe = owner_.recipe_;
  DeviceSteps& steps = scratch_->steps;
  const SceneRule rule{recipe.minmax, recipe.empty_below, recipe.empty_is_opaque};
  const kernels::MinMax range =
      recipe.minmax == MinMaxOrder::after
          ? steps.range_at_full_size(mask, recipe.mask_resample, image.width, image.height, type)
          : steps.range(mask);
  scene = judge(range, rule, [&](const Scaling& scaling) { return steps.mean_alpha(mask, scaling); });
  const float top = top_of(type);
  if (scene.problem.empty()) {
    const AlphaOptions alpha{recipe.mask_resample, scaling_of(scene.range, recipe.minmax, top), recipe.mask_nearest};
    scene.box = steps.subject_box(mask, alpha, image.width, image.height, type);
    return alpha;
  }
  if (strict) throw Error(ErrorKind::model_output, scene.problem);
  if (scene.opaque) scene.box = Box{0, 0, image.width, image.height};
  steps.clear(mask);  // and 0 becomes the one value that there is
  return {MaskResample::nearest, {scene.opaque ? -1.0f : 0.0f, top}, true};
}

}  // namespace rmbg
