// Runs of a network on threads, and what goes into them.
#pragma once

#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "net/network.hpp"
#include "network_kernels.hpp"
#include "plain_network.hpp"
#include "random_plan.hpp"

namespace {

using namespace rmbg;
using namespace rmbg::net;

using Outputs = std::vector<Floats>;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// As many threads as there is work for, which must be no more than were offered.
Parallel on_threads(int threads) {
  const auto run = [](void* context, void (*work)(void*, std::size_t), void* data, std::size_t count) {
    if (count > reinterpret_cast<std::size_t>(context)) fail("share", "more threads than there are");
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < count; ++i) others.emplace_back(work, data, i);
    work(data, 0);
    for (std::thread& other : others) other.join();
  };
  return {reinterpret_cast<void*>(std::size_t(threads)), run, threads};
}

Machine random_machine(Random& random) {
  return {random.between(1, 3),
          random.pick({std::size_t{1} << 12, std::size_t{1} << 17, std::size_t{1} << 20, std::size_t{1} << 24}),
          random.one_in(2)};
}

std::string name(const Kernels& kernels, const Machine& machine) {
  return text(kernels.name,
              {{"threads", machine.threads}, {"cache", double(machine.cache)}, {"frugal", double(machine.frugal)}});
}

// The buffers of one run, to the byte.
struct Buffered {
  Buffered(const Plan& plan, const Schedule& schedule, const std::vector<Floats>& from) {
    for (const Floats& input : from) inputs.push_back(input.data());
    for (const int output : plan.outputs) {
      const auto at = std::size_t(output);
      results.emplace_back(floats_of(schedule.values[at].shape, plan.values[at]), kNaN);
    }
    for (Floats& output : results) outputs.push_back(output.data());
  }
  std::vector<const float*> inputs;
  std::vector<float*> outputs;
  Outputs results;
};

Outputs run(Network& network, const std::vector<Shape>& shapes, const std::vector<Floats>& inputs, int threads) {
  const auto schedule = network.schedule(shapes);
  Buffered buffers(network.plan(), *schedule, inputs);
  network.run(*schedule, buffers.inputs.data(), buffers.outputs.data(), on_threads(threads));
  return buffers.results;
}

// Memory full of not-a-numbers, and to the byte too: no step may read what no step wrote.
struct Dirty {
  explicit Dirty(std::size_t floats) : data(static_cast<float*>(::operator new(floats * sizeof(float), kLine))) {
    std::fill(data, data + floats, kNaN);
  }
  ~Dirty() { ::operator delete(data, kLine); }
  Dirty(const Dirty&) = delete;
  Dirty& operator=(const Dirty&) = delete;
  static constexpr std::align_val_t kLine{64};
  float* const data;
};

Outputs run_dirty(const Plan& plan, const Floats& weights, const Schedule& schedule, const Kernels& kernels,
                  const std::vector<Floats>& inputs, int threads) {
  Buffered buffers(plan, schedule, inputs);
  const Dirty arena(schedule.arena), scratch(schedule.scratch * std::size_t(threads));
  const Buffers memory{weights.data(), buffers.inputs.data(), buffers.outputs.data(), arena.data, scratch.data};
  execute(plan, schedule, kernels, memory, on_threads(threads));
  return buffers.results;
}

std::vector<Floats> random_inputs(Random& random, const Plan& plan, const std::vector<Shape>& shapes) {
  std::vector<Floats> all;
  for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
    all.push_back(random.floats(std::ptrdiff_t(floats_of(shapes[i], plan.values[std::size_t(plan.inputs[i])]))));
  }
  return all;
}

Tensor tensor_of(const Floats& data, const Shape& shape, int channels) {
  Tensor tensor(shape, channels);
  std::copy(data.begin(), data.end(), tensor.data.begin());
  return tensor;
}

// What was taken, and how far it was from the plain definition at most.
enum Path {
  kF4,
  kF6,
  kF5,
  kShared,
  kSampled,
  kPooled,
  kAliased,
  kDirect,
  kDot,
  kPool,
  kResize,
  kAdd,
  kDeformable,
  kSigmoid,
  kGate,
  kMean,
  kEdges,
  kEnded,
  kPixel,
  kInPlace,
  kBanded,
  kPaths
};
constexpr const char* kPathNames[] = {"winograd 4x4",
                                      "winograd 6x6",
                                      "winograd 5x5",
                                      "shared weights",
                                      "sampled on the way in",
                                      "pooled on the way out",
                                      "aliased",
                                      "direct",
                                      "to planes",
                                      "pool",
                                      "resize",
                                      "add",
                                      "deformable",
                                      "sigmoid",
                                      "gate",
                                      "mean",
                                      "weights of edges",
                                      "deformable with an end",
                                      "one pixel added",
                                      "in an input's place",
                                      "by bands"};
constexpr double kTolerance[kPaths] = {1e-5, 2e-5, 3e-5, 0,    0,    0,    0, 2e-6, 2e-6, 0,
                                       5e-7, 1e-7, 2e-6, 3e-7, 1e-7, 1e-6, 0, 0,    0,    0};
}  // namespace
