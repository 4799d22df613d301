// A loaded model with its recipe: picture in, mask or cut-out out. Safe to use from many threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/buffer.hpp"
#include "core/image.hpp"
#include "ort/session.hpp"
#include "pipeline/cutout.hpp"
#include "pipeline/preprocess.hpp"

namespace rmbg {

// What "correct" means for a model; the fields are those of ModelSpec in models.py.
struct Recipe {
  std::int32_t height;
  std::int32_t width;
  Resample resample;
  kernels::Rounding rounding;
  bool divide_by_max;  // by the resized picture's largest sample instead of 255
  double mean[3];
  double std[3];
  bool sigmoid;
  bool minmax;
  MaskResample mask_resample;
  bool mask_nearest;
};

// Milliseconds of one call.
struct Timings {
  double preprocess;
  double inference;
  double postprocess;
};

class Remover {
 public:
  // Throws Error(model) where the graph's input cannot take the recipe's tensor, and what ort::Session throws.
  Remover(const ort::SessionConfig& config, const Recipe& recipe);

  const ort::Session& session() const { return session_; }

  // Both throw Error: image, model_output, inference.
  Timings mask(const ImageView& image, const Plane& dst);
  // options.threshold and background are in the picture's samples.
  Timings remove(const ImageView& image, const BlendOptions& options, const MutableImageView& dst);

 private:
  // What one call needs besides the caller's buffers. Kept for the next call, at most kIdle of them.
  struct Scratch {
    Buffer input;
    std::vector<float> output;
  };
  class Lease;
  static constexpr std::size_t kIdle = 4;

  Mask infer(const ImageView& image, Scratch& scratch, Timings& timings) const;
  void fill_input(const ImageView& image, void* input) const;
  MaskOptions mask_options(const Mask& mask, kernels::MaskType type) const;

  Recipe recipe_;
  int threads_;
  ort::Session session_;
  std::mutex guard_;
  std::vector<std::unique_ptr<Scratch>> idle_;
};

}  // namespace rmbg
