// The kernels that read and write pictures.
#pragma once

#include <cstdlib>

#include "kernel_support.hpp"
#include "pipeline/axis.hpp"

namespace {

kernels::Picture8 random_picture(Random& random, const Rows& rows, Size size, std::int32_t channels) {
  return {rows.first, rows.stride, size.width, size.height, channels, random.one_in(2)};
}

kernels::NormalizedPlanes random_planes(Random& random, Size size) {
  kernels::NormalizedPlanes out{};
  out.width = size.width;
  out.height = size.height;
  const float reach = random.pick({1e-7f, 0.02f, 0.02f, 1.0f, 500.0f});  // halves from subnormal to infinite
  for (int c = 0; c < 3; ++c) {
    out.scale[c] = random.real(-reach, reach);
    out.bias[c] = random.one_in(3) ? 0.0f : random.real(-3.0f * reach, 3.0f * reach);
  }
  out.rounding = random.pick({kernels::Rounding::none, kernels::Rounding::truncate, kernels::Rounding::nearest});
  out.half = random.one_in(2);
  return out;
}

// A table of `out` samples, sometimes the head of a much longer one, for the largest denominators.
BilinearTable exact_bilinear_table(Random& random, std::int32_t in, std::int32_t out) {
  BilinearTable table = bilinear_table(in, random.one_in(8) ? random.between(out, kMaxModelSide) : out);
  const std::ptrdiff_t skip = random.between(0, static_cast<std::int32_t>(table.first.size()) - out);
  table.first = std::vector<std::int32_t>(table.first.begin() + skip, table.first.begin() + skip + out);
  table.weight = std::vector<std::int16_t>(table.weight.begin() + skip, table.weight.begin() + skip + out);
  return table;
}

template <typename Job>
void compare_planes(Random& random, const Tiers& tiers, const char* kernel, Job& job,
                    void (*KernelTable::*entry)(const Job&, std::int32_t, std::int32_t, void*)) {
  const std::int32_t sample = job.out.half ? 2 : 4;
  Rows dst(random, {job.out.width * job.out.height * 3, 1}, sample, sample, random_guard(random, sample));
  job.out.dst = dst.first;
  const std::string name = text(kernel, {{"in_w", job.src.width},
                                         {"in_h", job.src.height},
                                         {"stride", double(job.src.stride)},
                                         {"channels", job.src.channels},
                                         {"bgr", job.src.bgr},
                                         {"out_w", job.out.width},
                                         {"out_h", job.out.height},
                                         {"rounding", double(job.out.rounding)},
                                         {"half", job.out.half},
                                         {"scale0", job.out.scale[0]},
                                         {"bias0", job.out.bias[0]}});
  Buffer scratch;
  compare(random, tiers, name, job.out.height, dst, [&](const KernelTable& tier, std::int32_t begin, std::int32_t end) {
    (tier.*entry)(job, begin, end, garbage(scratch, kernels::scratch_bytes(job)));
  });
}

// Weights of 128ths and shifts for divisions come with powers of two alone.
Size network_size(Random& random) { return {random.pick({1, 8, 16, 32, 64, 128, 256}), random.pick({2, 16, 32, 64})}; }

void check_resizes(Random& random, const Tiers& tiers) {
  const Size in = random_size(random);
  const Size out = random.one_in(3) ? network_size(random) : random.one_in(8) ? in : random_size(random);
  const std::int32_t channels = random.pick({1, 3, 4});
  const Rows src(random, in, channels, 1, 0);

  const BilinearTable columns = exact_bilinear_table(random, in.width, out.width);
  const BilinearTable rows = exact_bilinear_table(random, in.height, out.height);
  kernels::ResizeBilinear bilinear{random_picture(random, src, in, channels), columns.view(), rows.view(),
                                   random_planes(random, out)};
  compare_planes(random, tiers, "resize_bilinear", bilinear, &KernelTable::resize_bilinear);

  const FilterTable wide = exact(triangle_table(in.width, out.width));
  const FilterTable tall = exact(triangle_table(in.height, out.height));
  kernels::ResizeTriangle triangle{random_picture(random, src, in, channels), wide.view(), tall.view(),
                                   random_planes(random, out)};
  compare_planes(random, tiers, "resize_triangle", triangle, &KernelTable::resize_triangle);
}

void check_pack(Random& random, const Tiers& tiers) {
  const Size size = random_size(random);
  const std::int32_t channels = random.pick({1, 3, 4});
  const bool wide = random.one_in(2);
  const bool narrow = wide && random.one_in(2);
  const std::int32_t sample = wide ? 2 : 1;
  // Channels at any distance, in either order; pixels at any distance, overlapping or not, in either order; planes.
  const bool planes = random.one_in(4);
  const std::int32_t channel =
      planes ? size.width * sample + random.between(0, 9) : random.pick({sample, random.between(-5, 5), -sample});
  const std::int32_t pixel =
      planes ? sample : random.pick({channels * sample, -channels * sample, random.between(-20, 20)});
  const std::int32_t span = (channels - 1) * std::abs(channel) + (size.width - 1) * std::abs(pixel) + sample;
  Rows src(random, {span, size.height}, 1, 1, 0);  // bytes: no sample need be aligned
  const std::int32_t at = (channel < 0 ? (channels - 1) * -channel : 0) + (pixel < 0 ? (size.width - 1) * -pixel : 0);
  const std::int32_t out = narrow ? 1 : sample;
  Rows dst(random, size, channels * out, out, random_guard(random, out));
  const kernels::Pack job{src.first + at, src.stride, pixel,  channel,   size.width,
                          channels,       wide,       narrow, dst.first, dst.stride};
  const std::string name = text("pack", {{"width", size.width},
                                         {"height", size.height},
                                         {"channels", channels},
                                         {"wide", wide},
                                         {"narrow", narrow},
                                         {"pixel", pixel},
                                         {"channel", channel},
                                         {"src_stride", double(src.stride)},
                                         {"dst_stride", double(dst.stride)}});
  compare(random, tiers, name, size.height, dst,
          [&](const KernelTable& tier, std::int32_t begin, std::int32_t end) { tier.pack(job, begin, end); });
}

template <typename Table>
Table exact_levels(Table table) {
  table = exact(std::move(table));
  table.split.shrink_to_fit();
  return table;
}

void check_resize_levels(Random& random, const Tiers& tiers) {
  const Size in = random_size(random);
  const Size out = random.one_in(8) ? in : random_size(random);
  const std::int32_t channels = random.pick({1, 3, 4});
  const Rows src(random, in, channels, 1, 0);
  const auto filter = random.pick({Filter::triangle, Filter::bicubic, Filter::lanczos});
  const LevelTable columns = exact_levels(level_table(in.width, out.width, filter));
  const LevelTable rows = exact_levels(level_table(in.height, out.height, filter));
  Rows dst(random, out, channels, 1, random_guard(random, 1));
  const kernels::ResizeLevels job{src.first,   src.stride, in.width,   in.height, channels,  columns.view(),
                                  rows.view(), out.width,  out.height, dst.first, dst.stride};
  const std::string name = text("resize_levels", {{"in_w", in.width},
                                                  {"in_h", in.height},
                                                  {"out_w", out.width},
                                                  {"out_h", out.height},
                                                  {"channels", channels},
                                                  {"filter", double(filter)},
                                                  {"stride", double(dst.stride)}});
  Buffer scratch;
  compare(random, tiers, name, out.height, dst, [&](const KernelTable& tier, std::int32_t begin, std::int32_t end) {
    tier.resize_levels(job, begin, end, garbage(scratch, kernels::scratch_bytes(job)));
  });
}

}  // namespace
