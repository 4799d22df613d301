// The steps of the pipeline on a GPU: pictures, masks and results lie in the device's memory, tables are sent there.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "core/image.hpp"
#include "cuda/device.hpp"
#include "pipeline/subject_box.hpp"
#include "pipeline/tables.hpp"
#include "pipeline/types.hpp"

namespace rmbg {

// How a mask becomes an alpha: MaskResizer's filter and what its `scale` is told.
struct AlphaOptions {
  MaskResample resample;
  Scaling scaling;
  bool rounds;
};

// Steps of one call, in order on a stream of their own. Each does what the step of its name does on the host, bit for
// bit (`mean_alpha`: to 1e-6), with pointers of the device; those that return a value wait for the stream, the others
// do not. Not for two threads at once.
class DeviceSteps {
 public:
  DeviceSteps(const cuda::Device& device, Tables& tables);

  cuda::Stream& stream() { return stream_; }

  void preprocess(const ImageView& image, Resample resample, const kernels::NormalizedPlanes& planes);
  double largest_value(const ImageView& image, Resample resample, const kernels::NormalizedPlanes& planes);

  // What the model gave (binary16 with `half`) as a mask of float32, through the sigmoid where it is asked for. It lies
  // here until the next one.
  Mask mask_of(const void* output, bool half, bool sigmoid, std::int32_t width, std::int32_t height);
  void clear(const Mask& mask);  // to 0
  kernels::MinMax range(const Mask& mask);
  // As MaskResizer::range gives it with MinMaxOrder::after.
  kernels::MinMax range_at_full_size(const Mask& mask, MaskResample resample, std::int32_t width, std::int32_t height,
                                     kernels::MaskType type);
  double mean_alpha(const Mask& mask, const Scaling& scaling);

  void resize_mask(const Mask& mask, const AlphaOptions& how, const Plane& dst);
  void cutout(const ImageView& image, const Mask& mask, const AlphaOptions& how, const BlendOptions& options,
              const MutableImageView& dst);
  // Of the alpha of that size and type, which is not stored.
  std::optional<Box> subject_box(const Mask& mask, const AlphaOptions& how, std::int32_t width, std::int32_t height,
                                 kernels::MaskType type);

 private:
  // Arrays on their way to the device: where each lies there is written to `at` by send().
  struct Parcel {
    const void* data;
    std::size_t bytes;
    const void** at;
  };
  template <typename T>
  void add(const std::vector<T>& values, const T*& at) {
    if (values.empty()) return;
    parcels_.push_back({values.data(), values.size() * sizeof(T), reinterpret_cast<const void**>(&at)});
  }
  template <typename Table, typename Axis>
  void add_taps(const Table& table, Axis& axis);
  // Waits first: what was sent before may still be read.
  void send();

  template <typename Job>
  void launch(const char* kernel, const Job& job, std::int32_t width, std::int32_t height) {
    stream_.launch(kernel, static_cast<unsigned>(width), static_cast<unsigned>(height), job,
                   static_cast<unsigned>(width), static_cast<unsigned>(height));
  }
  template <typename T>
  T fetch(const void* from);
  // Two numbers that kernels lower from all ones, or raise from nothing.
  void* start_extremes(std::size_t lowest, std::size_t highest);
  kernels::MinMax fetch_range();

  // The picture packed, of bytes with `narrow`.
  ImageView packed(const ImageView& image, bool narrow);
  void resize_levels(const ImageView& image, Filter filter, const MutableImageView& dst);
  kernels::ResizeMask mask_job(const Mask& mask, const MaskTable& columns, const MaskTable& rows);
  kernels::ResizeMask scaled_job(const Mask& mask, const AlphaOptions& how, const Plane& dst);
  // The alpha by way of 8-bit levels, in memory of this object.
  Plane alpha_by_levels(const Mask& mask, const AlphaOptions& how, Filter filter, std::int32_t width,
                        std::int32_t height);

  Tables& kept_;
  cuda::Stream stream_;
  std::vector<Parcel> parcels_;
  cuda::HostBuffer staging_;
  cuda::HostBuffer answer_;
  cuda::DeviceBuffer tables_;
  cuda::DeviceBuffer packed_;
  cuda::DeviceBuffer levels_;
  cuda::DeviceBuffer planes_;
  cuda::DeviceBuffer mask_;
  cuda::DeviceBuffer alpha_;
  cuda::DeviceBuffer small_;
};

}  // namespace rmbg
