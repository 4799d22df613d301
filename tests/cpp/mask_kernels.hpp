// The kernels that read a mask or an alpha.
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>

#include "kernel_support.hpp"
#include "pipeline/axis.hpp"

namespace {

// Mask values: mostly 0..1, with a share of everything a model may emit when it goes wrong.
std::unique_ptr<float[]> random_mask(Random& random, std::size_t count) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float most = std::numeric_limits<float>::max();
  auto mask = std::make_unique<float[]>(count);
  const std::int32_t odd = random.pick({1, 3, 30, 1 << 20});
  const float reach = random.pick({0.0f, 1.0f, 10.0f});
  for (std::size_t i = 0; i < count; ++i) {
    mask[i] = random.one_in(odd) ? random.pick({inf, -inf, nan, -nan, 0.0f, -0.0f, most, -most, 1e-41f})
                                 : random.real(-reach, 1.0f);
  }
  return mask;
}

bool same_range(const kernels::MinMax& a, const kernels::MinMax& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

void check_minmax(Random& random, const Tiers& tiers) {
  const auto count = static_cast<std::size_t>(random.between(0, random.pick({3, 40, 5000})));
  const std::unique_ptr<float[]> data = random_mask(random, count);
  const kernels::MinMax expected = kernels::reference_table.minmax(data.get(), count);
  for (const KernelTable* tier : tiers) {
    const kernels::MinMax got = tier->minmax(data.get(), count);
    if (same_range(got, expected)) continue;
    fail(*tier, text("minmax", {{"count", double(count)}}),
         text("got", {{"lo", got.lo}, {"hi", got.hi}, {"not lo", expected.lo}, {"hi", expected.hi}}));
  }
}

// In place too; what lies around the destination must stay.
void check_sigmoid(Random& random, const Tiers& tiers) {
  const auto count = static_cast<std::size_t>(random.between(0, random.pick({3, 40, 300, 5000})));
  const std::unique_ptr<float[]> data = random_mask(random, count);
  const float reach = random.pick({1.0f, 10.0f, 120.0f});
  for (std::size_t i = 0; i < count; ++i) data[i] *= reach;
  constexpr std::size_t kGuard = 64;
  const auto run = [&](const KernelTable& tier, bool in_place, kernels::MinMax& range) {
    std::vector<float> to(count + 2 * kGuard, 7.0f);
    if (in_place) std::copy_n(data.get(), count, to.begin() + kGuard);
    range = tier.sigmoid(in_place ? to.data() + kGuard : data.get(), count, to.data() + kGuard);
    return to;
  };
  kernels::MinMax wanted_range{}, range{};
  const std::vector<float> wanted = run(kernels::reference_table, false, wanted_range);
  for (const KernelTable* tier : tiers) {
    const std::vector<float> got = run(*tier, random.one_in(2), range);
    if (std::memcmp(got.data(), wanted.data(), got.size() * sizeof(float)) == 0 && same_range(range, wanted_range)) {
      continue;
    }
    fail(*tier, text("sigmoid", {{"count", double(count)}, {"reach", reach}}), "difference");
  }
}

void check_resize_mask(Random& random, const Tiers& tiers) {
  const Size in = random_size(random);
  const Size half{(in.width + 1) / 2, (in.height + 1) / 2};
  const Size out = random.one_in(8) ? in : random.one_in(8) ? half : random_size(random);
  const auto sampling = [&] {
    return random.pick({MaskResample::bilinear, MaskResample::bilinear_topleft, MaskResample::bilinear_corners,
                        MaskResample::bicubic, MaskResample::nearest, MaskResample::pillow_lanczos});
  };
  const MaskResample both = sampling();
  const MaskTable columns = exact(mask_table(in.width, out.width, both));
  const MaskTable rows = exact(mask_table(in.height, out.height, random.one_in(4) ? sampling() : both));
  const auto src = random_mask(random, static_cast<std::size_t>(in.width) * static_cast<std::size_t>(in.height));
  const auto type = random.pick({kernels::MaskType::u8, kernels::MaskType::u16, kernels::MaskType::f32});
  const std::int32_t sample = type == kernels::MaskType::u8 ? 1 : type == kernels::MaskType::u16 ? 2 : 4;
  Rows dst(random, out, sample, sample, random_guard(random, sample));
  const float top = sample == 1 ? 255.0f : sample == 2 ? 65535.0f : 1.0f;
  const float lo = random.one_in(2) ? 0.0f : random.real(-2.0f, 1.0f);
  const float gain = random.one_in(2) ? top : top * random.real(0.0f, 3.0f);
  const kernels::ResizeMask job{src.get(),        in.width, in.height, columns.view(), rows.view(), lo,        gain,
                                random.one_in(2), type,     out.width, out.height,     dst.first,   dst.stride};
  const std::string name = text("resize_mask", {{"in_w", in.width},
                                                {"in_h", in.height},
                                                {"out_w", out.width},
                                                {"out_h", out.height},
                                                {"taps_x", columns.taps},
                                                {"taps_y", rows.taps},
                                                {"type", double(type)},
                                                {"nearest", job.nearest},
                                                {"lo", lo},
                                                {"gain", gain},
                                                {"stride", double(dst.stride)}});
  Buffer scratch;
  compare(random, tiers, name, out.height, dst, [&](const KernelTable& tier, std::int32_t begin, std::int32_t end) {
    tier.resize_mask(job, begin, end, garbage(scratch, kernels::scratch_bytes(job)));
  });
  const std::int32_t begin = random.between(0, out.height);
  const std::int32_t end = random.between(begin, out.height);
  const auto range = [&](const KernelTable& tier) {
    return tier.resize_range(job, begin, end, garbage(scratch, kernels::scratch_bytes(job)));
  };
  for (const KernelTable* tier : tiers) {
    if (!same_range(range(*tier), range(kernels::reference_table)))
      fail(*tier, "resize_range of " + name, "difference");
  }
}

void check_blend(Random& random, const Tiers& tiers) {
  const Size size = random_size(random);
  const bool wide = random.one_in(2);
  const std::int32_t sample = wide ? 2 : 1;
  const std::int32_t top = wide ? 65535 : 255;
  const std::int32_t channels = random.pick({1, 3, 4});
  const auto mode =
      random.pick({kernels::BlendMode::straight, kernels::BlendMode::premultiplied, kernels::BlendMode::over});
  const std::int32_t threshold = random.one_in(2) ? 0 : random.one_in(4) ? top : random.between(1, top);
  const Rows src(random, size, channels * sample, sample, 0);
  const Rows alpha(random, size, sample, sample, 0);
  const std::int32_t out_channels = mode == kernels::BlendMode::over ? 3 : 4;
  Rows dst(random, size, out_channels * sample, sample, random_guard(random, sample));
  kernels::Blend job{};
  job.src = src.first;
  job.src_stride = src.stride;
  job.channels = channels;
  job.alpha = alpha.first;
  job.alpha_stride = alpha.stride;
  job.dst = dst.first;
  job.dst_stride = dst.stride;
  job.width = size.width;
  job.height = size.height;
  job.wide = wide;
  job.stream = random.one_in(2);
  job.mode = mode;
  job.threshold = threshold;
  const Rows ground(random, size, 3 * sample, sample, 0);
  if (random.one_in(2)) {
    job.behind = ground.first;
    job.behind_stride = ground.stride;
  }
  for (std::uint16_t& level : job.background) {
    level = static_cast<std::uint16_t>(random.one_in(3) ? top : random.between(0, top));
  }
  const std::string name = text("blend", {{"width", size.width},
                                          {"height", size.height},
                                          {"channels", channels},
                                          {"wide", wide},
                                          {"stream", job.stream},
                                          {"mode", double(mode)},
                                          {"threshold", threshold},
                                          {"picture behind", job.behind != nullptr},
                                          {"src_stride", double(src.stride)},
                                          {"alpha_stride", double(alpha.stride)},
                                          {"dst_stride", double(dst.stride)}});
  compare(random, tiers, name, size.height, dst,
          [&](const KernelTable& tier, std::int32_t begin, std::int32_t end) { tier.blend(job, begin, end); });

  const Size in = random_size(random);
  const auto sampling = random.pick({MaskResample::bilinear, MaskResample::bicubic, MaskResample::nearest});
  const MaskTable columns = exact(mask_table(in.width, size.width, sampling));
  const MaskTable rows = exact(mask_table(in.height, size.height, sampling));
  const auto values = random_mask(random, static_cast<std::size_t>(in.width) * static_cast<std::size_t>(in.height));
  kernels::ResizeMask mask{};
  mask.src = values.get();
  mask.src_width = in.width;
  mask.src_height = in.height;
  mask.columns = columns.view();
  mask.rows = rows.view();
  mask.lo = random.one_in(2) ? 0.0f : random.real(-2.0f, 1.0f);
  mask.gain = static_cast<float>(top) * (random.one_in(2) ? 1.0f : random.real(0.0f, 3.0f));
  mask.nearest = random.one_in(2);
  mask.width = size.width;
  mask.height = size.height;
  job.alpha = nullptr;
  Buffer scratch;
  compare(random, tiers, "cutout by a mask of the " + name, size.height, dst,
          [&](const KernelTable& tier, std::int32_t begin, std::int32_t end) {
            tier.cutout(mask, job, begin, end, garbage(scratch, kernels::scratch_bytes(mask)));
          });
}

// Samples of an alpha: noise, or opaque and transparent stretches with little between.
void soften(Random& random, std::uint8_t* row, std::int32_t width, std::int32_t sample) {
  const std::int32_t odd = random.pick({1, 2, 20, 1 << 20});
  for (std::int32_t x = 0, left = 0, byte = 0; x < width; ++x, --left) {
    if (left == 0) {
      left = random.between(1, 40);
      byte = random.one_in(2) ? 255 : 0;
    }
    if (!random.one_in(odd)) std::memset(row + x * sample, byte, static_cast<std::size_t>(sample));
  }
}

void check_foreground(Random& random, const Tiers& tiers) {
  const Size size = random.one_in(12) ? Size{random.between(500, 1300), random.between(1, 3)} : random_size(random);
  const bool wide = random.one_in(2);
  const std::int32_t sample = wide ? 2 : 1;
  const std::int32_t channels = random.pick({1, 3, 4});
  const Rows src(random, size, channels * sample, sample, 0);
  const Rows alpha(random, size, sample, sample, 0);
  for (std::int32_t y = 0; y < size.height; ++y) soften(random, alpha.first + y * alpha.stride, size.width, sample);
  Rows dst(random, size, 3 * sample, sample, random_guard(random, sample));
  // The reference visits every pixel of every box: large ones are for small pictures.
  const std::int32_t most = size.height > 3 && size.width * size.height > 1500 ? 5 : 90;
  const auto radius = [&] { return random.between(0, random.pick({2, std::min(most, 12), most})); };
  const std::int32_t radii[3] = {radius(), radius(), radius()};
  const kernels::EstimateForeground job{src.first,
                                        src.stride,
                                        channels,
                                        alpha.first,
                                        alpha.stride,
                                        dst.first,
                                        dst.stride,
                                        size.width,
                                        size.height,
                                        wide,
                                        {radii[0], radii[1], radii[2]}};
  const std::string name = text("estimate_foreground", {{"width", size.width},
                                                        {"height", size.height},
                                                        {"channels", channels},
                                                        {"wide", wide},
                                                        {"radius0", radii[0]},
                                                        {"radius1", radii[1]},
                                                        {"radius2", radii[2]},
                                                        {"src_stride", double(src.stride)},
                                                        {"alpha_stride", double(alpha.stride)},
                                                        {"dst_stride", double(dst.stride)}});
  compare(random, tiers, name, size.height, dst, [&](const KernelTable& tier, std::int32_t begin, std::int32_t end) {
    Buffer scratch;
    tier.estimate_foreground(job, begin, end, garbage(scratch, kernels::scratch_bytes(job)));
  });
}

}  // namespace
