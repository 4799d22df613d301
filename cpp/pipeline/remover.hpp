// A loaded model with its recipe: picture in, mask or cut-out out. Safe to use from many threads at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/image.hpp"
#include "ort/session.hpp"
#include "pipeline/batches.hpp"
#include "pipeline/mask_resizer.hpp"
#include "pipeline/outcome.hpp"
#include "pipeline/recipe.hpp"
#include "pipeline/tables.hpp"
#include "pipeline/types.hpp"

namespace rmbg {

class DeviceRemover;

class Remover {
 public:
  // Throws Error(model) where the graph's input cannot take the recipe's tensor, and what ort::Session throws.
  Remover(const ort::SessionConfig& config, const Recipe& recipe);
  ~Remover();

  const ort::Session& session() const { return session_; }
  // For pictures that lie on the session's GPU; null: the CPU runs it.
  DeviceRemover* on_device() { return on_device_.get(); }

  // All throw Error: image, model_output (an output that is no mask; with `strict` also a mask without a subject,
  // before anything is written to dst), inference; and what the current stop of
  // this thread asks for (core/stop.hpp), before anything is written to dst.
  // The mask's size is its own, where the picture is a smaller draft of what it is for.
  Outcome mask(const ImageView& image, bool strict, const Plane& dst);
  // options.threshold and background are in the picture's samples. `estimate` takes the background's colour out of soft
  // edges.
  Outcome remove(const ImageView& image, const BlendOptions& options, bool estimate, bool strict,
                 const MutableImageView& dst);
  // `remove` and `mask` of one inference; the mask is as deep as the picture.
  Outcome predict(const ImageView& image, const BlendOptions& options, bool estimate, bool strict,
                  const MutableImageView& dst, const Plane& mask_dst);

  // From now on calls that come within `patience` of each other are one run of at most `most` pictures; 1: no longer.
  // Throws Error(option) where the model's batch is fixed.
  void gather(int most, std::chrono::microseconds patience);
  // Of what is gathered since then.
  Batches::Counts gathered() const;

 private:
  // What one call needs besides the caller's buffers. Kept for the next call, at most kIdle of them.
  struct Scratch {
    explicit Scratch(const cuda::Device* device) : input(device), output(device) {}
    cuda::HostBuffer input;
    cuda::HostBuffer output;  // the mask; float32
  };
  class Lease;
  static constexpr std::size_t kIdle = 64;

  std::vector<std::int64_t> run_network(std::size_t bytes, const PlaneSize& size, Scratch& scratch);
  Mask infer(const ImageView& image, Scratch& scratch, Timings& timings);
  // What the mask in `scratch`, which is written to, becomes at the picture's size.
  MaskResizer finish(const PlaneSize& size, const Mask& mask, kernels::MaskType type, bool strict, Scratch& scratch,
                     Scene& scene);

  Recipe recipe_;
  int threads_;
  ort::Session session_;
  Tables tables_;
  mutable std::mutex guard_;
  std::vector<std::unique_ptr<Scratch>> idle_;
  std::unique_ptr<DeviceRemover> on_device_;
  std::shared_ptr<Batches> batches_;  // null: each call is a run
};

}  // namespace rmbg
