// Remover's calls for pictures that lie on the session's GPU: every step is done there, and no pixel travels.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "ort/session.hpp"
#include "pipeline/device_steps.hpp"
#include "pipeline/outcome.hpp"
#include "pipeline/recipe.hpp"

namespace rmbg {

// Many threads may call at once, each with a DeviceCall of its own.
class DeviceRemover {
 public:
  // They must outlive it; the session has a device().
  DeviceRemover(const ort::Session& session, const Recipe& recipe, Tables& tables)
      : session_(session), recipe_(recipe), tables_(tables) {}

  const cuda::Device& device() const { return *session_.device(); }

 private:
  friend class DeviceCall;
  // What one call needs besides the caller's memory. Kept for the next call, at most kIdle of them.
  struct Scratch {
    Scratch(const cuda::Device& device, Tables& tables) : steps(device, tables), input(device), output(device) {}
    DeviceSteps steps;
    cuda::DeviceBuffer input;   // of the model
    cuda::DeviceBuffer output;  // of the model
  };
  static constexpr std::size_t kIdle = 4;

  const ort::Session& session_;
  const Recipe& recipe_;
  Tables& tables_;
  std::mutex guard_;
  std::vector<std::unique_ptr<Scratch>> idle_;
};

// One call, which has its stream before it has its picture: whoever made the picture is told of it. Pictures, masks and
// results are views of the device's memory; all is done when a function returns. The functions are Remover's, with the
// same results and errors, but for `estimate`, which the device does not do.
class DeviceCall {
 public:
  explicit DeviceCall(DeviceRemover& owner);  // throws Error(inference) where the device is out of memory
  ~DeviceCall();
  DeviceCall(const DeviceCall&) = delete;
  DeviceCall& operator=(const DeviceCall&) = delete;

  const cuda::Device& device() const { return owner_.device(); }
  cuda::Stream& stream() { return scratch_->steps.stream(); }

  Outcome mask(const ImageView& image, bool strict, const Plane& dst);
  Outcome remove(const ImageView& image, const BlendOptions& options, bool strict, const MutableImageView& dst);
  Outcome predict(const ImageView& image, const BlendOptions& options, bool strict, const MutableImageView& dst,
                  const Plane& mask_dst);

 private:
  Mask infer(const ImageView& image, Timings& timings);
  // What the mask becomes at the picture's size; it is cleared where there is no subject.
  AlphaOptions finish_mask(const ImageView& image, const Mask& mask, kernels::MaskType type, bool strict, Scene& scene);

  DeviceRemover& owner_;
  std::unique_ptr<DeviceRemover::Scratch> scratch_;
};

}  // namespace rmbg
