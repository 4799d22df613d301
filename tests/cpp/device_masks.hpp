// Kernels that bring masks from the device's network to a cut-out: activation, range, coverage, resize, blend.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "cuda/samples.hpp"
#include "device_support.hpp"
#include "pipeline/scaling.hpp"
#include "pipeline/subject_box.hpp"

namespace {

void check_mask(cuda::Stream& stream) {
  const Case c = random_case();
  const auto mask = random_mask(static_cast<std::size_t>(c.in_width) * static_cast<std::size_t>(c.in_height));
  const OnDevice device_mask(stream, mask);
  const auto range_of = [&](const OnDevice& keys) {
    std::vector<cuda::RangeKeys> found(1);
    keys.get(stream, found);
    return kernels::MinMax{found[0].lo == ~0u ? INFINITY : cuda::value_of(found[0].lo),
                           found[0].lo == ~0u ? -INFINITY : cuda::value_of(found[0].hi)};
  };
  const auto same = [](const kernels::MinMax& a, const kernels::MinMax& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
  };
  const std::vector<cuda::RangeKeys> start{{~0u, 0u}};
  const OnDevice keys(stream, start);
  launch(stream, "plane_range",
         cuda::PlaneRange{device_mask.as<float>(), c.in_width, c.in_height, keys.as<cuda::RangeKeys>()}, c.in_width,
         cuda::strips(c.in_height));
  const auto range = reference_table.minmax(mask.data(), mask.size());
  expect(same(range_of(keys), range), "plane_range " + c.name());

  const auto resample = static_cast<rmbg::MaskResample>(between(0, 4));
  const auto columns = rmbg::mask_table(c.in_width, c.width, resample);
  const auto rows = rmbg::mask_table(c.in_height, c.height, resample);
  const DeviceAxis dc = DeviceAxis::of(stream, columns), dr = DeviceAxis::of(stream, rows);
  const bool wide = coin();
  std::vector<std::uint8_t> wanted(static_cast<std::size_t>(c.width * c.height) * 8), got = wanted;
  kernels::ResizeMask host{mask.data(), c.in_width, c.in_height, columns.view(), rows.view(),   0.0f, 1.0f,
                           coin(),      {},         c.width,     c.height,       wanted.data(), 0};
  constexpr float tops[] = {255.0f, 65535.0f, 1.0f};
  const float top = tops[between(0, 2)];
  host.type = top == 255.0f ? kernels::MaskType::u8 : top == 1.0f ? kernels::MaskType::f32 : kernels::MaskType::u16;
  host.lo = static_cast<float>(between(-10, 10)) / 40.0f;
  host.gain = top * static_cast<float>(between(1, 100)) / 50.0f;
  host.dst_stride = c.width * 4;
  kernels::ResizeMask device = host;
  device.src = device_mask.as<float>();
  device.columns = {dc.first.as<std::int32_t>(), dc.count.as<std::int32_t>(), dc.weights.as<float>(), columns.taps};
  device.rows = {dr.first.as<std::int32_t>(), dr.count.as<std::int32_t>(), dr.weights.as<float>(), rows.taps};
  std::vector<std::uint8_t> scratch(kernels::scratch_bytes(host) + 64);

  const OnDevice resized_keys(stream, start);
  launch(stream, "resized_range", cuda::ResizedRange{device, resized_keys.as<cuda::RangeKeys>()}, c.width,
         cuda::strips(c.height));
  expect(same(range_of(resized_keys), reference_table.resize_range(host, 0, c.height, scratch.data())),
         "resized_range " + c.name());

  const OnDevice result(stream, wanted);
  reference_table.resize_mask(host, 0, c.height, scratch.data());
  device.dst = result.as<void>();
  launch(stream, "resize_mask", device, c.width, c.height);
  result.get(stream, got);
  expect(got == wanted, "resize_mask " + c.name());

  const std::ptrdiff_t size = wide ? 2 : 1;
  const auto picture = random_bytes(static_cast<std::size_t>(c.width * c.height * c.channels * size));
  const OnDevice device_picture(stream, picture);
  kernels::Blend mix{};
  mix.src = picture.data();
  mix.channels = c.channels;
  mix.src_stride = c.width * c.channels * size;
  mix.dst = wanted.data();
  mix.dst_stride = c.width * 4 * size;
  mix.width = c.width;
  mix.height = c.height;
  mix.wide = wide;
  mix.mode = static_cast<kernels::BlendMode>(between(0, 2));
  mix.threshold = coin() ? 0 : between(1, wide ? 65535 : 255);
  for (auto& sample : mix.background) sample = static_cast<std::uint16_t>(between(0, wide ? 65535 : 255));
  std::fill(wanted.begin(), wanted.end(), 0x5a);
  const OnDevice cut(stream, wanted);
  reference_table.cutout(host, mix, 0, c.height, scratch.data());
  cuda::Cutout job{device, mix};
  job.mix.src = device_picture.as<void>();
  job.mix.dst = cut.as<void>();
  launch(stream, "cutout", job, c.width, c.height);
  cut.get(stream, got);
  expect(got == wanted, "cutout " + c.name());

  const auto alpha = random_bytes(static_cast<std::size_t>(c.width * c.height * size));
  const OnDevice device_alpha(stream, alpha);
  std::fill(wanted.begin(), wanted.end(), 0x5a);
  mix.alpha = alpha.data();
  mix.alpha_stride = c.width * size;
  reference_table.blend(mix, 0, c.height);
  kernels::Blend blend = job.mix;
  blend.alpha = device_alpha.as<void>();
  blend.alpha_stride = mix.alpha_stride;
  launch(stream, "blend", blend, c.width, c.height);
  cut.get(stream, got);
  expect(got == wanted, "blend " + c.name());
}

// The box of an alpha that resize_mask makes, and of one in bytes that is there.
void check_box(cuda::Stream& stream) {
  const Case c = random_case();
  std::vector<float> mask(static_cast<std::size_t>(c.in_width * c.in_height), 0.0f);
  for (int i = between(0, 3); i > 0; --i)
    mask[static_cast<std::size_t>(between(0, c.in_width * c.in_height - 1))] = 1.0f;
  const auto columns = rmbg::mask_table(c.in_width, c.width, rmbg::MaskResample::bilinear);
  const auto rows = rmbg::mask_table(c.in_height, c.height, rmbg::MaskResample::bilinear);
  constexpr kernels::MaskType kTypes[] = {kernels::MaskType::u8, kernels::MaskType::u16, kernels::MaskType::f32};
  const kernels::MaskType type = kTypes[between(0, 2)];
  const std::int32_t size = type == kernels::MaskType::u8 ? 1 : type == kernels::MaskType::u16 ? 2 : 4;
  std::vector<std::uint8_t> alpha(static_cast<std::size_t>(c.width * c.height * size));
  kernels::ResizeMask host{mask.data(),
                           c.in_width,
                           c.in_height,
                           columns.view(),
                           rows.view(),
                           0.0f,
                           rmbg::top_of(type) * static_cast<float>(between(1, 100)) / 100.0f,
                           coin(),
                           type,
                           c.width,
                           c.height,
                           alpha.data(),
                           c.width * size};
  std::vector<std::uint8_t> scratch(kernels::scratch_bytes(host) + 64);
  reference_table.resize_mask(host, 0, c.height, scratch.data());
  const auto wanted = rmbg::subject_box(rmbg::Plane{alpha.data(), c.width, c.height, c.width * size, type});

  const OnDevice device_mask(stream, mask), device_alpha(stream, alpha);
  const DeviceAxis dc = DeviceAxis::of(stream, columns), dr = DeviceAxis::of(stream, rows);
  cuda::SubjectBox job{host, nullptr, nullptr};
  job.mask.src = device_mask.as<float>();
  job.mask.columns = {dc.first.as<std::int32_t>(), dc.count.as<std::int32_t>(), dc.weights.as<float>(), columns.taps};
  job.mask.rows = {dr.first.as<std::int32_t>(), dr.count.as<std::int32_t>(), dr.weights.as<float>(), rows.taps};
  for (const bool there : {false, true}) {
    if (there && size != 1) break;
    if (there) job.alpha = device_alpha.as<std::uint8_t>();
    std::vector<cuda::BoxSides> sides{{~0u, ~0u, 0u, 0u}};
    const OnDevice device_sides(stream, sides);
    job.sides = device_sides.as<cuda::BoxSides>();
    launch(stream, "subject_box", job, c.width, cuda::strips(c.height));
    device_sides.get(stream, sides);
    const auto is = [](std::uint32_t a, std::int32_t b) { return static_cast<std::int32_t>(a) == b; };
    const bool same = wanted ? is(sides[0].left, wanted->left) && is(sides[0].top, wanted->top) &&
                                   is(sides[0].right, wanted->right) && is(sides[0].bottom, wanted->bottom)
                             : sides[0].left > sides[0].right;
    expect(same, "subject_box " + c.name());
  }
}

void check_activation(cuda::Stream& stream) {
  const Case c = random_case();
  const auto count = static_cast<std::size_t>(c.width * c.height);
  const bool half = coin(), sigmoid = coin();
  auto values = random_mask(count);
  std::vector<std::uint16_t> halves(count);
  for (std::size_t i = 0; i < count; ++i) halves[i] = half_from_float(values[i]);
  const OnDevice source = half ? OnDevice(stream, halves) : OnDevice(stream, values);
  std::vector<float> got(count);
  const OnDevice result(stream, got);
  launch(stream, "activation", cuda::Activation{source.as<void>(), result.as<float>(), c.width, half, sigmoid}, c.width,
         c.height);
  result.get(stream, got);
  for (std::size_t i = 0; i < count; ++i) {
    const float v = half ? half_to_float(halves[i]) : values[i];
    float wanted = v;
    if (sigmoid) reference_table.sigmoid(&v, 1, &wanted);
    const bool same = std::isnan(wanted) ? std::isnan(got[i]) : std::memcmp(&wanted, &got[i], sizeof wanted) == 0;
    expect(same, "activation " + c.name());
  }
  const float lo = 0.1f, gain = 1.3f;
  std::vector<unsigned long long> sums(cuda::Coverage::kSums);
  const OnDevice device_sums(stream, sums);
  launch(stream, "coverage",
         cuda::Coverage{result.as<float>(), c.width, c.height, lo, gain, device_sums.as<unsigned long long>()}, c.width,
         cuda::strips(c.height));
  device_sums.get(stream, sums);
  double total = 0.0, wanted = 0.0;
  for (const auto sum : sums) total += static_cast<double>(sum);
  for (const float v : got) wanted += std::isnan(v) ? 0.0 : std::clamp((static_cast<double>(v) - lo) * gain, 0.0, 1.0);
  expect(std::fabs(total / 0x1p24 - wanted) <= 1e-6 * static_cast<double>(count), "coverage " + c.name());
}

}  // namespace
