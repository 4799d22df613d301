#include "pipeline/remover.hpp"

#include <string>

#include "core/error.hpp"
#include "core/stop.hpp"
#include "pipeline/around_network.hpp"
#include "pipeline/cutout.hpp"
#include "pipeline/device_remover.hpp"
#include "pipeline/foreground.hpp"

namespace rmbg {

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
  check_input(session_.input().name, session_.input().shape, recipe_);
  if (session_.device() != nullptr) on_device_ = std::make_unique<DeviceRemover>(session_, recipe_, tables_);
}

Remover::~Remover() = default;

Outcome Remover::mask(const ImageView& image, bool strict, const Plane& dst) {
  Lease lease(*this);
  Outcome outcome{};
  const Mask mask = infer(image, lease.get(), outcome.timings);
  Stopwatch watch;
  const MaskResizer alpha = finish({dst.height, dst.width}, mask, dst.type, strict, lease.get(), outcome.scene);
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
  const MaskResizer alpha = finish({image.height, image.width}, mask, type, strict, lease.get(), outcome.scene);
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
  const MaskResizer alpha = finish({image.height, image.width}, mask, type, strict, lease.get(), outcome.scene);
  (estimate ? cutout_estimated : cutout)(image, alpha, options, dst, threads_);
  resize_mask(alpha, mask_dst, threads_);
  outcome.timings.postprocess = watch.lap();
  return outcome;
}

void Remover::gather(int most, std::chrono::microseconds patience) {
  const std::vector<std::int64_t>& shape = session_.input().shape;
  if (most > 1 && !shape.empty() && shape[0] >= 0) {
    throw Error(ErrorKind::option, "the model's batch is fixed at " + std::to_string(shape[0]) +
                                       ": export it with a free one to run several pictures at once");
  }
  std::shared_ptr<Batches> made;
  if (most > 1) {
    const auto model = [this](const void* data, const Batches::Shape& of, cuda::HostBuffer& result) {
      return session_.run(data, of, result);
    };
    made = std::make_shared<Batches>(model, most, patience, session_.device());
  }
  const std::lock_guard lock(guard_);
  batches_ = std::move(made);
}

Batches::Counts Remover::gathered() const {
  const std::lock_guard lock(guard_);
  return batches_ ? batches_->counts() : Batches::Counts();
}

std::vector<std::int64_t> Remover::run_network(std::size_t bytes, const PlaneSize& size, Scratch& scratch) {
  std::shared_ptr<Batches> batches;
  {
    const std::lock_guard lock(guard_);
    batches = batches_;
  }
  const std::vector<std::int64_t> shape{1, 3, size.height, size.width};
  if (batches) return batches->run(scratch.input.data(), bytes, shape, scratch.output);
  return session_.run(scratch.input.data(), shape, scratch.output);
}

Mask Remover::infer(const ImageView& image, Scratch& scratch, Timings& timings) {
  Stopwatch watch;
  const PlaneSize size = input_size(recipe_, image.width, image.height);
  const std::size_t values = 3 * static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width);
  const bool half = session_.input().type == ort::ElementType::float16;
  const std::size_t bytes = values * (half ? 2 : 4);
  scratch.input.reserve(bytes);
  fill_input(recipe_, image, size, half, tables_, threads_, scratch.input.data());
  timings.preprocess = watch.lap();

  check_stop();
  const auto shape = run_network(bytes, size, scratch);
  timings.inference = watch.lap();
  check_stop();
  const PlaneSize mask = output_size(shape);
  return {static_cast<const float*>(scratch.output.data()), mask.width, mask.height};
}

MaskResizer Remover::finish(const PlaneSize& size, const Mask& mask, kernels::MaskType type, bool strict,
                            Scratch& scratch, Scene& scene) {
  auto* const values = static_cast<float*>(scratch.output.data());
  return finish_mask(recipe_, values, mask, {size.width, size.height, type}, strict, tables_, threads_, scene);
}

}  // namespace rmbg
