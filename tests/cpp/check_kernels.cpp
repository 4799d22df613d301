// Compares every tier that runs here with the reference, bit for bit, on random jobs.
//   check_kernels [ROUNDS | SECONDSs] [SEED]      e.g. check_kernels 300, check_kernels 20s 7
// Inputs and scratch are allocated to the byte, so that an address-sanitized build also sees reads beyond them.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/buffer.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/kernels.hpp"
#include "pipeline/axis.hpp"

namespace {

using namespace rmbg;
using kernels::KernelTable;

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::int32_t between(std::int32_t low, std::int32_t high) {  // both included
    return low + static_cast<std::int32_t>(engine_() % static_cast<std::uint32_t>(high - low + 1));
  }
  bool one_in(std::int32_t n) { return between(1, n) == 1; }
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[between(0, static_cast<std::int32_t>(values.size()) - 1)];
  }
  float real(float low, float high) { return low + (high - low) * static_cast<float>(engine_() >> 8) * 0x1p-24f; }
  std::int32_t side() { return one_in(6) ? 1 : between(1, pick({4, 20, 70})); }

  // Any bytes, or only the two ends of the range, or nothing but the upper end.
  void fill(std::uint8_t* bytes, std::size_t count) {
    const std::int32_t kind = between(0, 3);
    for (std::size_t i = 0; i < count; ++i) {
      const auto byte = static_cast<std::uint8_t>(engine_() >> 11);
      bytes[i] = kind == 0 ? 255 : kind == 1 ? (byte & 1 ? 255 : 0) : byte;
    }
  }

 private:
  std::mt19937 engine_;
};

struct Size {
  std::int32_t width;
  std::int32_t height;
};

Size random_size(Random& random) {
  if (random.one_in(8)) return {random.between(150, 300), 3};
  if (random.one_in(12)) return {3, random.between(150, 300)};
  if (random.one_in(40)) return {random.between(300, 3000), random.between(1, 4)};
  return {random.side(), random.side()};
}

// Rows of samples somewhere in one allocation: `guard` bytes around them, any padding between them, either way up.
class Rows {
 public:
  Rows(Random& random, Size size, std::int32_t pixel_bytes, std::int32_t sample_bytes, std::size_t guard) {
    const std::ptrdiff_t row = std::ptrdiff_t{size.width} * pixel_bytes;
    stride = row + (random.one_in(2) ? 0 : random.between(1, 40) * sample_bytes);
    total_ = 2 * guard + static_cast<std::size_t>(stride * (size.height - 1) + row);
    bytes_ = std::make_unique<std::uint8_t[]>(total_);
    random.fill(bytes_.get(), total_);
    first = bytes_.get() + guard;
    if (random.one_in(4)) {
      first += stride * (size.height - 1);
      stride = -stride;
    }
  }
  std::vector<std::uint8_t> copy() const { return {bytes_.get(), bytes_.get() + total_}; }
  void restore(const std::vector<std::uint8_t>& saved) { std::copy(saved.begin(), saved.end(), bytes_.get()); }

  std::uint8_t* first;
  std::ptrdiff_t stride;

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t total_;
};

std::size_t random_guard(Random& random, std::int32_t sample_bytes) {
  return static_cast<std::size_t>(64 + random.between(0, 15) * sample_bytes);
}

[[noreturn]] void fail(const KernelTable& tier, const std::string& job, const std::string& what) {
  std::printf("%s: MISMATCH in %s: %s\n0 passed, 1 failed\n", tier.name, job.c_str(), what.c_str());
  std::exit(1);
}

std::string text(const char* title, std::initializer_list<std::pair<const char*, double>> fields) {
  std::string all(title);
  for (const auto& [name, value] : fields) {
    char one[96];
    std::snprintf(one, sizeof one, " %s=%.9g", name, value);
    all += one;
  }
  return all;
}

using Band = std::function<void(const KernelTable&, std::int32_t row_begin, std::int32_t row_end)>;
using Tiers = std::vector<const KernelTable*>;

// Runs some of the rows, at once in the reference, in random bands in each tier. Whatever lies around them must stay.
void compare(Random& random, const Tiers& tiers, const std::string& job, std::int32_t height, Rows& dst,
             const Band& run) {
  std::vector<std::int32_t> cuts{0, height};
  if (random.one_in(3)) cuts = {random.between(0, height), random.between(0, height)};
  for (std::int32_t more = random.between(0, 3); more > 0; --more) {
    cuts.push_back(random.between(std::min(cuts[0], cuts[1]), std::max(cuts[0], cuts[1])));
  }
  std::sort(cuts.begin(), cuts.end());
  const std::vector<std::uint8_t> before = dst.copy();
  run(kernels::reference_table, cuts.front(), cuts.back());
  const std::vector<std::uint8_t> expected = dst.copy();
  for (const KernelTable* tier : tiers) {
    dst.restore(before);
    for (std::size_t i = 1; i < cuts.size(); ++i) run(*tier, cuts[i - 1], cuts[i]);
    const std::vector<std::uint8_t> got = dst.copy();
    const auto at = std::mismatch(got.begin(), got.end(), expected.begin());
    if (at.first == got.end()) continue;
    std::string what = text("difference", {{"at_byte", double(at.first - got.begin())},
                                           {"of", double(got.size())},
                                           {"is", *at.first},
                                           {"not", *at.second}});
    for (const std::int32_t cut : cuts) what += text("", {{"cut", cut}});
    fail(*tier, job, what);
  }
}

// Scratch full of -1, or of the largest integers: to be overwritten before it is read.
void* garbage(Buffer& scratch, std::size_t bytes) {
  static bool largest = false;
  largest = !largest;
  scratch.reserve(bytes);
  auto* to = static_cast<std::uint8_t*>(scratch.data());
  for (std::size_t i = 0; i < bytes; ++i) to[i] = largest && i % 4 == 3 ? 0x7f : 0xff;
  return to;
}

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

template <typename Table>
Table exact(Table table) {
  table.first.shrink_to_fit();
  table.count.shrink_to_fit();
  table.weights.shrink_to_fit();
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

void check_resizes(Random& random, const Tiers& tiers) {
  const Size in = random_size(random);
  const Size out = random.one_in(8) ? in : random_size(random);
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

void check_resize_mask(Random& random, const Tiers& tiers) {
  const Size in = random_size(random);
  const Size out = random.one_in(8) ? in : random_size(random);
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
  kernels::Blend job{src.first,  src.stride,  channels, alpha.first, alpha.stride, dst.first, dst.stride,
                     size.width, size.height, wide,     mode,        threshold,    {}};
  for (std::uint16_t& level : job.background) {
    level = static_cast<std::uint16_t>(random.one_in(3) ? top : random.between(0, top));
  }
  const std::string name = text("blend", {{"width", size.width},
                                          {"height", size.height},
                                          {"channels", channels},
                                          {"wide", wide},
                                          {"mode", double(mode)},
                                          {"threshold", threshold},
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

int main(int argc, char** argv) {
  const std::string limit = argc > 1 ? argv[1] : "300";
  const bool timed = limit.back() == 's';
  const double most = std::atof(limit.c_str());
  Random random(argc > 2 ? static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)) : 1u);

  Tiers tiers;
  for (const kernels::Tier& tier : kernels::tiers()) {
    if (tier.runs_here && tier.table != &kernels::reference_table) tiers.push_back(tier.table);
  }
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  int rounds = 0;
  for (; timed ? elapsed() < most : rounds < most; ++rounds) {
    check_resizes(random, tiers);
    check_pack(random, tiers);
    check_resize_levels(random, tiers);
    check_minmax(random, tiers);
    check_resize_mask(random, tiers);
    check_blend(random, tiers);
    check_foreground(random, tiers);
  }
  for (const kernels::Tier& tier : kernels::tiers()) {
    if (tier.table == &kernels::reference_table) continue;
    if (tier.runs_here) {
      std::printf("%s: %d rounds, equal\n", tier.table->name, rounds);
    } else {
      std::printf("%s: not run (this CPU lacks it)\n", tier.table->name);
    }
  }
  std::printf("%d passed, 0 failed\n", rounds * static_cast<int>(tiers.size()));
  return rounds > 0 ? 0 : 1;
}
