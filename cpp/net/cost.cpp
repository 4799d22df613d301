#include "net/cost.hpp"

#include <algorithm>

namespace rmbg::net {
namespace {

// Nanoseconds on one core of a 3.8 GHz Xeon with AVX-512, by variant. Only their ratios matter.
constexpr double kInput[] = {56, 106, 106};  // a block of inputs of a tile, transformed
constexpr double kOutput[] = {30, 96, 96};   // a block of products of a tile, transformed back
constexpr double kMultiply = 0.188;          // one input by 16 weights, summed
constexpr double kDirectly = 1.25;           // how much longer that takes where the inputs come straight from memory
constexpr double kGain = 0.9;  // F6 is taken where it saves this much: F4 rounds less and needs less memory

constexpr int kFewTiles = 132;              // as many as one job can take: each job transforms its weights by itself
constexpr int kSharedGroups[] = {6, 3, 3};  // of tiles, where there are more
constexpr int kOutputs = 4;                 // blocks
constexpr int kInputs = 2;
// To transform inputs or weights once more, or to fetch weights for twelve tiles alone, costs more than products that
// come out of the last-level cache. So where the second-level cache holds one group of tiles, several take as many
// outputs at once as this; and so do the tiles of a job that transforms its weights by itself, unless they are few.
constexpr int kManyOutputs = 8;
constexpr int kThreeGroups = 3 * kTiles;   // with kOutputs and kInputs these lie in the cache whole
constexpr int kManyGroups = 4;             // of tiles
constexpr int kOwnGroups = 6;              // of tiles
constexpr int kOwnInputs[] = {4, 2, 4};    // F4 with up to kOutputs: kInputs
constexpr Cut kShallow{2, 8, 4, 2, true};  // where there are few inputs, all are held at once
constexpr int kJobsPerThread = 3;          // so that the last ones end together
constexpr int kOwnJobsPerThread = 2;       // each one more transforms the inputs again
constexpr int kSampledBlocks = 16;  // of inputs, all taps counted, that a deformable convolution samples at a time
constexpr int kSampledGroups = 16;  // of pixels
constexpr int kPackedGroups = 16;   // of pixels that a 1x1 convolution packs

double tile_count(const Workload& job, int side) {
  const auto along = [&](int size) {
    double count = 0;
    for (int phase = 0; phase < std::min(job.dilation, size); ++phase) {
      const int pixels = (size - phase + job.dilation - 1) / job.dilation;
      const int tiles = (pixels + side - 1) / side;
      count += tiles;
    }
    return count;
  };
  return job.images * along(job.height) * along(job.width);
}

int parts(double whole, int part) { return static_cast<int>((whole + part - 1) / part); }

// Groups of pixels a job, until floats() leave half of the cache to weights and each thread has jobs enough.
template <typename Floats>
void take_fewer(Cut& cut, int images, int pixels, const Machine& machine, const Floats& floats) {
  const auto jobs = [&] { return images * parts(pixels, cut.tile_groups * kTiles); };
  const auto fits = [&] { return floats() * sizeof(float) <= machine.cache / 2; };
  while (cut.tile_groups > 1 && (!fits() || jobs() < kJobsPerThread * machine.threads)) --cut.tile_groups;
}

}  // namespace

std::size_t scratch_floats(const Cut& cut, Winograd variant) {
  const int weights = cut.shared ? 0 : cut.pass * cut.inputs * kWeightStride;
  const int tiles = cut.tile_groups * kTiles * kBlock * (cut.inputs + cut.pass);
  return static_cast<std::size_t>(weights + tiles) * static_cast<std::size_t>(kProducts[variant]);
}

Choice cheapest(const Workload& job) {
  const double tiles[] = {tile_count(job, kTileSide[F4]), tile_count(job, kTileSide[F6]),
                          tile_count(job, kTileSide[F5])};
  const Winograd of_3x3 = tiles[F6] * kProducts[F6] < kGain * tiles[F4] * kProducts[F4] ? F6 : F4;
  const Winograd variant = job.window == 3 ? of_3x3 : F5;
  const double pairs = double{kBlock} * job.input_blocks * job.output_blocks;
  const double winograd =
      tiles[variant] *
      (kParts[variant] * (job.input_blocks * kInput[variant] + pairs * kProducts[variant] * kMultiply) +
       job.output_blocks * kOutput[variant]);
  const double direct = job.images * job.seen_taps * pairs * kMultiply * kDirectly;
  return {winograd < direct, variant};
}

Cut cut_for(const Workload& job, Winograd variant, const Machine& machine) {
  const double tiles = tile_count(job, kTileSide[variant]);
  Cut cut{};
  cut.shared = tiles > kFewTiles;
  const int input_blocks = job.input_blocks * kParts[variant];
  const bool shallow = cut.shared && input_blocks <= kShallow.inputs;
  const bool many = !cut.shared && tiles > kThreeGroups;
  cut.outputs = std::min(shallow ? kShallow.outputs : many ? kManyOutputs : kOutputs, job.output_blocks);
  const auto set_inputs = [&] {
    const bool few = cut.shared || (variant == F4 && cut.outputs <= kOutputs);
    cut.inputs = std::min(shallow ? kShallow.inputs : few ? kInputs : kOwnInputs[variant], input_blocks);
  };
  set_inputs();
  cut.tile_groups = shallow      ? kShallow.tile_groups
                    : cut.shared ? kSharedGroups[variant]
                                 : std::min(kOwnGroups, parts(tiles, kTiles));
  // Where all inputs are held, each pass finds them there.
  const auto set_pass = [&] {
    cut.pass = cut.inputs == input_blocks ? std::min(kShallow.pass, cut.outputs) : cut.outputs;
  };
  set_pass();
  const auto fits = [&] {
    const Cut held{cut.tile_groups, cut.outputs, cut.inputs, cut.pass,
                   false};  // shared weights want room in the cache too
    return scratch_floats(held, variant) * sizeof(float) <= machine.cache / 8 * 7;
  };
  while (cut.shared && cut.tile_groups > 1 && !fits()) --cut.tile_groups;
  if (cut.shared && !shallow && cut.tile_groups == 1 && job.output_blocks > kOutputs) {
    cut.tile_groups = kManyGroups;
    cut.outputs = std::min(kManyOutputs, job.output_blocks);
    set_pass();
  }
  const int wanted = (cut.shared ? kJobsPerThread : kOwnJobsPerThread) * machine.threads;
  const auto jobs = [&] { return parts(tiles, cut.tile_groups * kTiles) * parts(job.output_blocks, cut.outputs); };
  while (jobs() < wanted && (cut.tile_groups > 1 || cut.outputs > 1)) {
    if (cut.tile_groups > 1 && (cut.shared || cut.outputs == 1)) {
      cut.tile_groups = (cut.tile_groups + 1) / 2;
    } else {
      cut.outputs = (cut.outputs + 1) / 2;
      set_inputs();
    }
    set_pass();
  }
  return cut;
}

Cut cut_for_pixels(const Workload& job, const Machine& machine) {
  const int pixels = job.height * job.width;
  Cut cut{};
  cut.inputs = job.input_blocks;
  cut.outputs = cut.pass = job.output_blocks;
  cut.tile_groups = std::min(kPackedGroups, parts(pixels, kTiles));
  take_fewer(cut, job.images, pixels, machine, [&] { return pixel_floats(cut); });
  return cut;
}

std::size_t pixel_floats(const Cut& cut) {
  return static_cast<std::size_t>(cut.tile_groups) * static_cast<std::size_t>(cut.inputs) * kRow;
}

Cut cut_for_deformable(const DeformableWorkload& job, const Machine& machine) {
  Cut cut{};
  cut.outputs = job.output_blocks;
  cut.pass = std::clamp(kSampledBlocks / job.input_blocks, 1, job.taps);
  cut.inputs = cut.pass * job.input_blocks;
  cut.tile_groups = std::min(kSampledGroups, parts(job.pixels, kTiles));
  take_fewer(cut, job.images, job.pixels, machine, [&] { return scratch_floats(cut, job); });
  return cut;
}

std::size_t scratch_floats(const Cut& cut, const DeformableWorkload& job) {
  const int points = kTiles * cut.pass * static_cast<int>(sizeof(Neighbours) / sizeof(float));
  return static_cast<std::size_t>(points) +
         static_cast<std::size_t>(cut.tile_groups) * kTiles * kBlock *
             static_cast<std::size_t>(cut.inputs + job.output_blocks + job.end_blocks);
}

}  // namespace rmbg::net
