#include "pipeline/device_steps.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "cuda/samples.hpp"
#include "pipeline/axis.hpp"
#include "pipeline/cutout.hpp"

namespace rmbg {
namespace {

constexpr std::size_t kAlignment = 16;  // of an array among others

// Results of a kernel that are numbers, not planes.
struct Sums {
  unsigned long long of[cuda::Coverage::kSums];
};

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

std::size_t area(std::int32_t width, std::int32_t height) {
  return static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
}

kernels::Picture8 picture_of(const ImageView& view) {
  return {static_cast<const std::uint8_t*>(view.data), view.stride, view.width, view.height, view.channels, false};
}

}  // namespace

DeviceSteps::DeviceSteps(const cuda::Device& device, Tables& tables)
    : kept_(tables),
      stream_(device),
      staging_(&device),
      answer_(&device),
      tables_(device),
      packed_(device),
      levels_(device),
      planes_(device),
      mask_(device),
      alpha_(device),
      small_(device) {
  answer_.reserve(sizeof(Sums));
  small_.reserve(sizeof(Sums));
}

template <typename Table, typename Axis>
void DeviceSteps::add_taps(const Table& table, Axis& axis) {
  add(table.first, axis.first);
  add(table.count, axis.count);
  add(table.weights, axis.weights);
}

void DeviceSteps::send() {
  std::size_t total = 0;
  for (const Parcel& parcel : parcels_) total += aligned(parcel.bytes);
  stream_.wait();
  staging_.reserve(total);
  tables_.reserve(total);
  std::size_t offset = 0;
  for (const Parcel& parcel : parcels_) {
    std::memcpy(static_cast<char*>(staging_.data()) + offset, parcel.data, parcel.bytes);
    *parcel.at = static_cast<const char*>(tables_.data()) + offset;
    offset += aligned(parcel.bytes);
  }
  stream_.upload(tables_.data(), staging_.data(), total);
  parcels_.clear();
}

template <typename T>
T DeviceSteps::fetch(const void* from) {
  T result;
  stream_.download(answer_.data(), from, sizeof(T));
  stream_.wait();
  std::memcpy(&result, answer_.data(), sizeof(T));
  return result;
}

// --- the picture ---

ImageView DeviceSteps::packed(const ImageView& image, bool narrow) {
  const bool wide = image.sample == Sample::u16;
  if (is_packed(image) && !(wide && narrow)) return image;
  const Sample sample = narrow ? Sample::u8 : image.sample;
  const std::ptrdiff_t stride = image.width * image.channels * bytes_of(sample);
  packed_.reserve(static_cast<std::size_t>(stride) * static_cast<std::size_t>(image.height));
  launch("pack",
         kernels::Pack{image.data, image.stride, image.pixel_stride, image.channel_stride, image.width, image.channels,
                       wide, wide && narrow, packed_.data(), stride},
         image.width, image.height);
  return packed_view(packed_.data(), image.width, image.height, image.channels, stride, sample);
}

void DeviceSteps::resize_levels(const ImageView& image, Filter filter, const MutableImageView& dst) {
  const auto columns = kept_.levels(image.width, dst.width, filter);
  const auto rows = kept_.levels(image.height, dst.height, filter);
  kernels::ResizeLevels job{};
  job.src = static_cast<const std::uint8_t*>(image.data);
  job.src_stride = image.stride;
  job.src_width = image.width;
  job.src_height = image.height;
  job.channels = image.channels;
  job.columns.stride = columns->stride;
  job.rows.stride = rows->stride;
  job.width = dst.width;
  job.height = dst.height;
  job.dst = static_cast<std::uint8_t*>(dst.data);
  job.dst_stride = dst.stride;
  add_taps(*columns, job.columns);
  add_taps(*rows, job.rows);
  send();
  launch("resize_levels", job, dst.width, dst.height);
}

void DeviceSteps::preprocess(const ImageView& image, Resample resample, const kernels::NormalizedPlanes& planes) {
  ImageView view = packed(image, true);
  if (resample == Resample::triangle) {
    const auto columns = kept_.triangle(view.width, planes.width);
    const auto rows = kept_.triangle(view.height, planes.height);
    kernels::ResizeTriangle job{picture_of(view), {}, {}, planes};
    job.columns.stride = columns->stride;
    job.rows.stride = rows->stride;
    add_taps(*columns, job.columns);
    add_taps(*rows, job.rows);
    send();
    launch("resize_triangle", job, planes.width, planes.height);
    return;
  }
  kernels::NormalizedPlanes out = planes;
  if (const std::optional<Filter> filter = level_filter(resample)) {
    const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(planes.width) * view.channels;
    levels_.reserve(static_cast<std::size_t>(stride) * static_cast<std::size_t>(planes.height));
    resize_levels(view, *filter, {levels_.data(), planes.width, planes.height, view.channels, stride, Sample::u8});
    view = packed_view(levels_.data(), planes.width, planes.height, view.channels, stride, Sample::u8);
    out.rounding = kernels::Rounding::truncate;  // of whole numbers: the bilinear kernel has only to normalise them
  }
  const Centres centres = resample == Resample::bilinear_topleft ? Centres::topleft : Centres::half_pixel;
  const auto columns = kept_.bilinear(view.width, planes.width, centres);
  const auto rows = kept_.bilinear(view.height, planes.height, centres);
  kernels::ResizeBilinear job{picture_of(view), {}, {}, out};
  job.columns.denominator = columns->denominator;
  job.rows.denominator = rows->denominator;
  add(columns->first, job.columns.first);
  add(columns->weight, job.columns.weight);
  add(rows->first, job.rows.first);
  add(rows->weight, job.rows.weight);
  send();
  launch("resize_bilinear", job, planes.width, planes.height);
}

double DeviceSteps::largest_value(const ImageView& image, Resample resample, const kernels::NormalizedPlanes& planes) {
  kernels::NormalizedPlanes plain = planes;
  std::fill_n(plain.scale, 3, 1.0f);
  std::fill_n(plain.bias, 3, 0.0f);
  plain.half = false;
  planes_.reserve(3 * area(planes.width, planes.height) * sizeof(float));
  plain.dst = planes_.data();
  preprocess(image, resample, plain);
  const float largest = range({static_cast<const float*>(planes_.data()), planes.width, 3 * planes.height}).hi;
  return largest > 0.0f ? static_cast<double>(largest) : 255.0;
}

// --- the mask ---

Mask DeviceSteps::mask_of(const void* output, bool half, bool sigmoid, std::int32_t width, std::int32_t height) {
  mask_.reserve(area(width, height) * sizeof(float));
  auto* const mask = static_cast<float*>(mask_.data());
  launch("activation", cuda::Activation{output, mask, width, half, sigmoid}, width, height);
  return {mask, width, height};
}

void DeviceSteps::clear(const Mask& mask) {
  stream_.fill(const_cast<float*>(mask.data), 0, area(mask.width, mask.height) * sizeof(float));
}

void* DeviceSteps::start_extremes(std::size_t lowest, std::size_t highest) {
  auto* const numbers = static_cast<std::uint32_t*>(small_.data());
  stream_.fill(numbers, 0xff, lowest * sizeof(std::uint32_t));
  stream_.fill(numbers + lowest, 0x00, highest * sizeof(std::uint32_t));
  return numbers;
}

kernels::MinMax DeviceSteps::fetch_range() {
  const auto keys = fetch<cuda::RangeKeys>(small_.data());
  constexpr float infinity = std::numeric_limits<float>::infinity();
  if (keys.lo > keys.hi) return {infinity, -infinity};
  return {cuda::value_of(keys.lo), cuda::value_of(keys.hi)};
}

kernels::MinMax DeviceSteps::range(const Mask& mask) {
  auto* const keys = static_cast<cuda::RangeKeys*>(start_extremes(1, 1));
  launch("plane_range", cuda::PlaneRange{mask.data, mask.width, mask.height, keys}, mask.width,
         cuda::strips(mask.height));
  return fetch_range();
}

kernels::ResizeMask DeviceSteps::mask_job(const Mask& mask, const MaskTable& columns, const MaskTable& rows) {
  kernels::ResizeMask job{};
  job.src = mask.data;
  job.src_width = mask.width;
  job.src_height = mask.height;
  job.columns.taps = columns.taps;
  job.rows.taps = rows.taps;
  job.width = static_cast<std::int32_t>(columns.first.size());
  job.height = static_cast<std::int32_t>(rows.first.size());
  add_taps(columns, job.columns);
  add_taps(rows, job.rows);
  send();
  return job;
}

kernels::MinMax DeviceSteps::range_at_full_size(const Mask& mask, MaskResample resample, std::int32_t width,
                                                std::int32_t height, kernels::MaskType type) {
  const auto columns = kept_.mask(mask.width, width, resample);
  const auto rows = kept_.mask(mask.height, height, resample);
  const bool by_levels = level_filter(resample) && type == kernels::MaskType::u8;
  const bool monotone = columns->taps <= 2 && !by_levels;
  auto* const keys = static_cast<cuda::RangeKeys*>(start_extremes(1, 1));
  const cuda::ResizedRange job{
      monotone ? mask_job(mask, extremes(*columns), extremes(*rows)) : mask_job(mask, *columns, *rows), keys};
  launch("resized_range", job, job.mask.width, cuda::strips(job.mask.height));
  return fetch_range();
}

double DeviceSteps::mean_alpha(const Mask& mask, const Scaling& scaling) {
  auto* const sums = static_cast<unsigned long long*>(small_.data());
  stream_.fill(sums, 0, sizeof(Sums));
  launch("coverage", cuda::Coverage{mask.data, mask.width, mask.height, scaling.lo, scaling.gain, sums}, mask.width,
         cuda::strips(mask.height));
  double total = 0.0;
  for (const unsigned long long sum : fetch<Sums>(sums).of) total += static_cast<double>(sum);
  return total / 0x1p24 / static_cast<double>(area(mask.width, mask.height));
}

// --- the alpha ---

kernels::ResizeMask DeviceSteps::scaled_job(const Mask& mask, const AlphaOptions& how, const Plane& dst) {
  const auto columns = kept_.mask(mask.width, dst.width, how.resample);
  const auto rows = kept_.mask(mask.height, dst.height, how.resample);
  kernels::ResizeMask job = mask_job(mask, *columns, *rows);
  job.lo = how.scaling.lo;
  job.gain = how.scaling.gain;
  job.nearest = how.rounds || columns->taps > 2;  // as MaskResizer::scale has it
  job.type = dst.type;
  job.dst = dst.data;
  job.dst_stride = dst.stride;
  return job;
}

Plane DeviceSteps::alpha_by_levels(const Mask& mask, const AlphaOptions& how, Filter filter, std::int32_t width,
                                   std::int32_t height) {
  AlphaOptions same = how;
  same.resample = MaskResample::nearest;
  levels_.reserve(area(mask.width, mask.height));
  resize_mask(mask, same, {levels_.data(), mask.width, mask.height, mask.width, kernels::MaskType::u8});
  alpha_.reserve(area(width, height));
  resize_levels(packed_view(levels_.data(), mask.width, mask.height, 1, mask.width, Sample::u8), filter,
                {alpha_.data(), width, height, 1, width, Sample::u8});
  return {alpha_.data(), width, height, width, kernels::MaskType::u8};
}

void DeviceSteps::resize_mask(const Mask& mask, const AlphaOptions& how, const Plane& dst) {
  const std::optional<Filter> filter = level_filter(how.resample);
  if (filter && dst.type == kernels::MaskType::u8) {
    const Plane alpha = alpha_by_levels(mask, how, *filter, dst.width, dst.height);
    const kernels::Pack rows{alpha.data, alpha.stride, 1, 1, dst.width, 1, false, false, dst.data, dst.stride};
    launch("pack", rows, dst.width, dst.height);
  } else {
    launch("resize_mask", scaled_job(mask, how, dst), dst.width, dst.height);
  }
}

void DeviceSteps::cutout(const ImageView& image, const Mask& mask, const AlphaOptions& how, const BlendOptions& options,
                         const MutableImageView& dst) {
  const ImageView view = packed(image, false);
  kernels::Blend mix = blend_job(view, options, dst);
  const std::optional<Filter> filter = level_filter(how.resample);
  if (filter && !mix.wide) {
    const Plane alpha = alpha_by_levels(mask, how, *filter, image.width, image.height);
    mix.alpha = alpha.data;
    mix.alpha_stride = alpha.stride;
    launch("blend", mix, image.width, image.height);
  } else {
    const auto type = mix.wide ? kernels::MaskType::u16 : kernels::MaskType::u8;
    const Plane alpha{nullptr, image.width, image.height, 0, type};
    launch("cutout", cuda::Cutout{scaled_job(mask, how, alpha), mix}, image.width, image.height);
  }
}

std::optional<Box> DeviceSteps::subject_box(const Mask& mask, const AlphaOptions& how, std::int32_t width,
                                            std::int32_t height, kernels::MaskType type) {
  const std::optional<Filter> filter = level_filter(how.resample);
  cuda::SubjectBox job{};
  if (filter && type == kernels::MaskType::u8) {
    const Plane alpha = alpha_by_levels(mask, how, *filter, width, height);
    job.alpha = static_cast<const std::uint8_t*>(alpha.data);
    job.mask.width = width;
    job.mask.height = height;
  } else {
    job.mask = scaled_job(mask, how, {nullptr, width, height, 0, type});
  }
  job.sides = static_cast<cuda::BoxSides*>(start_extremes(2, 2));
  launch("subject_box", job, width, cuda::strips(height));
  const auto found = fetch<cuda::BoxSides>(job.sides);
  if (found.left > found.right) return std::nullopt;
  return Box{static_cast<std::int32_t>(found.left), static_cast<std::int32_t>(found.top),
             static_cast<std::int32_t>(found.right), static_cast<std::int32_t>(found.bottom)};
}

}  // namespace rmbg
