#include "net/cost.hpp"

#include <algorithm>
#include <array>

namespace rmbg::net {
namespace {

// Nanoseconds on one core of a 3.8 GHz Xeon with AVX-512, by variant. Only their ratios matter.
constexpr double kInput[] = {56, 106};     // a tile's block of inputs transformed
constexpr double kWeights[] = {50, 126};   // 16 weights
constexpr double kOutput[] = {30, 96};     // a tile's block of products
constexpr double kReload[] = {40, 70};     // a tile's block of products read and written once more
constexpr double kFetch = 1.2;             // 16 shared weights read from beyond the second-level cache
constexpr double kMultiply = 0.188;        // one product of 16 numbers by one, summed
constexpr double kStart = 2000;            // a job
constexpr std::size_t kSharedMost = 16u << 20;  // bytes of transformed weights that may be kept for the jobs of a step
constexpr Machine kNominal{1, 2u << 20};

double tile_count(const Convolution& job, int side) {
  const auto along = [&](int size) {
    double count = 0;
    for (int phase = 0; phase < std::min(job.dilation, size); ++phase) {
      const int pixels = (size - phase + job.dilation - 1) / job.dilation;
      count += (pixels + side - 1) / side;
    }
    return count;
  };
  return job.images * along(job.height) * along(job.width);
}

double cost(const Convolution& job, Winograd variant, const Cut& cut, int threads) {
  const double tiles = tile_count(job, kTileSide[variant]);
  const double products = kProducts[variant];
  const double a_job = cut.tile_groups * kTiles;
  const double tile_jobs = static_cast<int>((tiles + a_job - 1) / a_job);
  const double output_jobs = (job.output_blocks + cut.outputs - 1) / cut.outputs;
  const double rounds = (job.input_blocks + cut.inputs - 1) / cut.inputs;
  const double weights = kBlock * double{1} * job.input_blocks * job.output_blocks;

  double time = tiles * job.input_blocks * kInput[variant] * output_jobs;
  time += tiles * job.output_blocks * (kOutput[variant] + kReload[variant] * (rounds - 1));
  time += weights * tiles * products * kMultiply;
  time += weights * kWeights[variant] * (cut.shared ? 1 : tile_jobs);
  if (cut.shared) time += weights * tile_jobs * products * kFetch;
  time += tile_jobs * output_jobs * kStart;

  const int jobs = static_cast<int>(tile_jobs * output_jobs);
  const int turns = (jobs + threads - 1) / threads;
  return time * turns / jobs;  // the slowest worker's share
}

struct Best {
  double time;
  Cut cut;
};

Best best_cut(const Convolution& job, Winograd variant, const Machine& machine) {
  Best best{-1, {1, 1, 1, false}};
  const double tiles = tile_count(job, kTileSide[variant]);
  const std::size_t all_weights = std::size_t{kBlock} * kBlock * sizeof(float) * static_cast<std::size_t>(kProducts[variant]) *
                                  static_cast<std::size_t>(job.input_blocks) * static_cast<std::size_t>(job.output_blocks);
  for (const bool shared : {false, true}) {
    if (shared && all_weights > kSharedMost) continue;
    for (const int groups : {1, 2, 3, 4, 6, 8, 11, 16, 22}) {
      if (groups > 1 && (groups - 1) * double{kTiles} >= tiles) break;
      for (int outputs = 1; outputs < 2 * job.output_blocks; outputs *= 2) {
        for (int inputs = 1; inputs < 2 * job.input_blocks; inputs *= 2) {
          const Cut cut{groups, std::min(outputs, job.output_blocks), std::min(inputs, job.input_blocks), shared};
          const bool fits = scratch_floats(cut, variant) * sizeof(float) <= machine.cache * 3 / 4;
          if (!fits && !(groups == 1 && outputs == 1 && inputs == 1)) continue;
          const double time = cost(job, variant, cut, machine.threads);
          if (best.time < 0 || time < best.time) best = {time, cut};
        }
      }
    }
  }
  return best;
}

double direct_cost(const Convolution& job) {
  constexpr double kOverhead = 1.25;
  return job.images * job.seen_taps * job.input_blocks * kBlock * job.output_blocks * kMultiply * kOverhead;
}

}  // namespace

std::size_t scratch_floats(const Cut& cut, Winograd variant) {
  const int weights = cut.shared ? 0 : cut.outputs * cut.inputs * kBlock * kBlock;
  const int tiles = cut.tile_groups * kTiles * kBlock * (cut.inputs + cut.outputs);
  return static_cast<std::size_t>(weights + tiles) * static_cast<std::size_t>(kProducts[variant]);
}

Choice cheapest(const Convolution& job, const Machine& machine) {
  const double f4 = best_cut(job, F4, kNominal).time;
  const double f6 = best_cut(job, F6, kNominal).time;
  const Winograd variant = f6 < f4 ? F6 : F4;
  return {std::min(f4, f6) < direct_cost(job), variant, best_cut(job, variant, machine).cut};
}

}  // namespace rmbg::net
