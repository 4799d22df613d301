#include "pipeline/remover.hpp"

#include <algorithm>
#include <string>

#include "core/error.hpp"
#include "core/stop.hpp"
#include "pipeline/cutout.hpp"
#include "pipeline/device_remover.hpp"
#include "pipeline/foreground.hpp"
#include "pipeline/preprocess.hpp"
#include "pipeline/scaling.hpp"

namespace rmbg {
namespace {

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
  if (session_.device() != nullptr) on_device_ = std::make_unique<DeviceRemover>(session_, recipe_, tables_);
}

Remover::~Remover() = default;

Outcome Remover::mask(const ImageView& image, bool strict, const Plane& dst) {
  Lease lease(*this);
  Outcome outcome{};
  const Mask mask = infer(image, lease.get(), outcome.timings);
  Stopwatch watch;
  const MaskResizer alpha = finish_mask(image, mask, dst.type, strict, lease.get(), outcome.scene);
  resize_mask(alpha, dst, threads_);
  outcome.timings.postprocess = watch.lap();
  return outcome;
}

Outcome Remover::remove(const ImageView& image, const BlendOptions& options, bool estimate, bool strict,
                        const MutableImageView& dst) {
  Lease lease(*this);
  Outcome outcome{};
  const Mask mask = infer(image, lease.get(), outcome.timings);
  Stopwatch watch;
  const auto type = image.sample == Sample::u16 ? kernels::MaskType::u16 : kernels::MaskType::u8;
  const MaskResizer alpha = finish_mask(image, mask, type, strict, lease.get(), outcome.scene);
  (estimate ? cutout_estimated : cutout)(image, alpha, options, dst, threads_);
  outcome.timings.postprocess = watch.lap();
  return outcome;
}

Outcome Remover::predict(const ImageView& image, const BlendOptions& options, bool estimate, bool strict,
                         const MutableImageView& dst, const Plane& mask_dst) {
  Lease lease(*this);
  Outcome outcome{};
  const Mask mask = infer(image, lease.get(), outcome.timings);
  Stopwatch watch;
  const auto type = image.sample == Sample::u16 ? kernels::MaskType::u16 : kernels::MaskType::u8;
  const MaskResizer alpha = finish_mask(image, mask, type, strict, lease.get(), outcome.scene);
  (estimate ? cutout_estimated : cutout)(image, alpha, options, dst, threads_);
  resize_mask(alpha, mask_dst, threads_);
  outcome.timings.postprocess = watch.lap();
  return outcome;
}

Mask Remover::infer(const ImageView& image, Scratch& scratch, Timings& timings) {
  Stopwatch watch;
  const PlaneSize size = input_size(recipe_, image.width, image.height);
  const std::size_t values = 3 * static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width);
  scratch.input.reserve(values * (session_.input().type == ort::ElementType::float16 ? 2 : 4));
  fill_input(image, size, scratch.input.data());
  timings.preprocess = watch.lap();

  check_stop();
  const auto shape = session_.run(scratch.input.data(), {1, 3, size.height, size.width}, scratch.output);
  timings.inference = watch.lap();
  check_stop();
  const PlaneSize mask = output_size(shape);
  return {static_cast<const float*>(scratch.output.data()), mask.width, mask.height};
}

void Remover::fill_input(const ImageView& image, const PlaneSize& size, void* input) {
  kernels::NormalizedPlanes planes = input_planes(recipe_, size, session_.input(), input);
  if (recipe_.divide_by_max) {
    normalize(recipe_, largest_value(image, recipe_.resample, planes, tables_, threads_), planes);
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
