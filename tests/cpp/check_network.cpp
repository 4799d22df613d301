// Runs random small networks: every tier, number of threads and cache gives the bits of the reference, and the
// reference what the plain definition of each step says. Then the kernels by themselves, and damaged plans.
//   check_network [ROUNDS | SECONDSs] [SEED] [LARGEST_SIDE]      e.g. check_network 300, check_network 20s 7,
//   check_network 5 1 12
// Round r of seed s is round 0 of seed s + r: a failure names the seed that begins with it.
#include <array>
#include <bit>
#include <chrono>
#include <new>
#include <thread>

#include "core/error.hpp"
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
          random.pick({std::size_t{1} << 12, std::size_t{1} << 17, std::size_t{1} << 20, std::size_t{1} << 24})};
}

std::string name(const Kernels& kernels, const Machine& machine) {
  return text(kernels.name, {{"threads", machine.threads}, {"cache", double(machine.cache)}});
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
enum Path { kF4, kF6, kShared, kSampled, kPooled, kAliased, kDirect, kDot, kPool, kResize, kAdd, kPaths };
constexpr const char* kPathNames[] = {"winograd 4x4",
                                      "winograd 6x6",
                                      "shared weights",
                                      "sampled on the way in",
                                      "pooled on the way out",
                                      "aliased",
                                      "direct",
                                      "to planes",
                                      "pool",
                                      "resize",
                                      "add"};
constexpr double kTolerance[kPaths] = {1e-5, 2e-5, 0, 0, 0, 0, 2e-6, 2e-6, 0, 5e-7, 1e-7};
struct Taken {
  std::array<int, kPaths> count{};
  std::array<double, kPaths> error{};
};

Path path_of(const Step& step, const Ready& ready) {
  if (ready.algorithm == Algorithm::winograd) return ready.winograd == F4 ? kF4 : kF6;
  if (ready.algorithm == Algorithm::direct) return kDirect;
  if (ready.algorithm == Algorithm::dot) return kDot;
  if (step.kind == StepKind::resize) return kResize;
  return step.kind == StepKind::add ? kAdd : kPool;  // pack and unpack are as exact as a pool
}

void count_paths(const Plan& plan, const Schedule& schedule, Taken& taken) {
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    const Step& step = plan.steps[s];
    const Ready& ready = schedule.steps[s];
    const Home home = schedule.values[std::size_t(step.output)].home;
    if (step.kind == StepKind::pack || step.kind == StepKind::unpack) continue;
    if (ready.algorithm != Algorithm::none) ++taken.count[path_of(step, ready)];
    taken.count[kShared] += ready.algorithm == Algorithm::winograd && ready.cut.shared;
    taken.count[kSampled] += home == Home::view;
    taken.count[kAliased] += home == Home::alias;
    taken.count[kPooled] += ready.pooled >= 0;
  }
}

// Each step by itself, from what the network made of the steps before, as far as that was given out.
void check_values(const RandomPlan& made, const Schedule& schedule, const std::vector<Floats>& inputs,
                  const Outputs& outputs, Taken& taken) {
  const Plan& plan = made.plan;
  std::vector<Tensor> values(plan.values.size());
  std::vector<double> scales(values.size());
  std::vector<Path> paths(values.size());
  const auto channels = [&](int value) { return plan.values[std::size_t(value)].channels; };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto at = std::size_t(plan.inputs[i]);
    values[at] = tensor_of(inputs[i], made.shapes[at], channels(plan.inputs[i]));
  }
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    const Step& step = plan.steps[s];
    const auto at = std::size_t(step.output);
    if (!(schedule.values[at].shape == made.shapes[at])) fail(describe(made, step), "another shape");
    Plain plain = plain_step(plan, made.weights.data(), step, values, made.shapes[at]);
    const auto given = std::find(plan.outputs.begin(), plan.outputs.end(), step.output);
    const bool shows = step.kind == StepKind::unpack && step.inputs.size() == 1;
    const std::size_t checked = shows ? std::size_t(step.inputs[0]) : at;
    values[at] = std::move(plain.tensor);
    if (!shows) {
      scales[at] = plain.scale;
      paths[at] = path_of(step, schedule.steps[s]);
    }
    if (given == plan.outputs.end()) continue;
    const Tensor got =
        tensor_of(outputs[std::size_t(given - plan.outputs.begin())], made.shapes[at], channels(step.output));
    double worst = 0;
    for (std::size_t i = 0; i < got.data.size(); ++i) {
      const double error = std::abs(got.data[i] - values[at].data[i]);
      worst = error <= worst ? worst : error;  // a not-a-number stays
    }
    const Path path = paths[checked];
    const double error = worst / scales[checked];
    const auto maker = std::find_if(plan.steps.begin(), plan.steps.end(),
                                    [&](const Step& one) { return std::size_t(one.output) == checked; });
    if (!(error <= kTolerance[path])) {
      fail(std::string("reference, ") + kPathNames[path] + ", " + describe(made, *maker),
           text("error", {{"of", error}, {"allowed", kTolerance[path]}}));
    }
    taken.error[path] = std::max(taken.error[path], error);
    values[checked] = values[at] = got;
  }
}

// The same plan with fewer outputs: values then live shorter, in each other's memory.
Plan thinned(Random& random, const Plan& whole) {
  Plan plan = whole;
  const int kept = random.pick(whole.outputs);
  std::erase_if(plan.outputs, [&](int output) { return output != kept && random.one_in(2); });
  const auto given = [&](int value) {
    return std::find(plan.outputs.begin(), plan.outputs.end(), value) != plan.outputs.end();
  };
  std::erase_if(plan.steps, [&](const Step& step) { return step.kind == StepKind::unpack && !given(step.output); });
  return plan;
}

std::vector<std::int64_t> encode(const Plan& plan) {
  std::vector<std::int64_t> numbers{kPlanVersion};
  const auto put = [&](auto... values) { (numbers.push_back(static_cast<std::int64_t>(values)), ...); };
  const auto put_real = [&](double value) { numbers.push_back(std::bit_cast<std::int64_t>(value)); };
  const auto put_list = [&](const std::vector<int>& values) {
    put(values.size());
    numbers.insert(numbers.end(), values.begin(), values.end());
  };
  const auto put_clamp = [&](Clamp clamp) {
    put_real(clamp.low);
    put_real(clamp.high);
  };
  put(plan.values.size());
  for (const Value& value : plan.values) put(value.layout, value.channels);
  put_list(plan.inputs);
  put_list(plan.outputs);
  put(plan.steps.size());
  for (const Step& step : plan.steps) {
    const Window& w = step.window;
    const bool convolution = step.kind == StepKind::convolution;
    put(step.kind);
    put_list(step.inputs);
    put(step.output);
    if (convolution || step.kind == StepKind::max_pool) {
      put(w.height, w.width, w.stride_y, w.stride_x, w.dilation_y, w.dilation_x, w.top, w.left, w.bottom, w.right);
    }
    if (step.kind == StepKind::max_pool) put(step.ceil);
    if (convolution) {
      put(step.weights, step.bias);
      put_clamp(step.first);
      put(step.residual);
    }
    if (convolution || step.kind == StepKind::add) put_clamp(step.second);
    if (step.kind == StepKind::resize) {
      put(step.resize.height, step.resize.width);
      put_real(step.resize.scale_y);
      put_real(step.resize.scale_x);
      put(step.resize.coordinates, step.resize.interpolation);
    }
  }
  return numbers;
}

void check_plan(Random& random, const RandomPlan& made, Taken& taken) {
  const std::vector<Shape> shapes = made.inputs();
  const std::vector<Floats> inputs = random_inputs(random, made.plan, shapes);
  const Machine one{1, std::size_t{1} << 20};
  Network network(made.plan, made.weights.data(), reference(), one);
  const Outputs expected = run(network, shapes, inputs, 1);
  const auto schedule = network.schedule(shapes);
  count_paths(made.plan, *schedule, taken);
  check_values(made, *schedule, inputs, expected, taken);

  const auto compare = [&](const Plan& plan, const std::string& where, const Outputs& got) {
    for (std::size_t i = 0; i < got.size(); ++i) {
      const auto at = std::find(made.plan.outputs.begin(), made.plan.outputs.end(), plan.outputs[i]);
      const auto maker =
          std::find_if(plan.steps.begin(), plan.steps.end(), [&](const Step& step) { return step.output == *at; });
      expect_same(where + ", " + describe(made, *maker), got[i], expected[std::size_t(at - made.plan.outputs.begin())]);
    }
  };
  for (const Kernels* tier : tiers_here()) {
    const Machine machine = random_machine(random);
    Network other(made.plan, made.weights.data(), *tier, machine);
    compare(made.plan, name(*tier, machine), run(other, shapes, inputs, machine.threads));
    if (tier != &reference())
      compare(made.plan, name(*tier, machine) + " again",
              run(other, shapes, inputs, random.between(1, machine.threads)));

    const Plan fewer = thinned(random, made.plan);
    const Machine second = random_machine(random);
    const Schedule cut = net::schedule(fewer, shapes, second);
    count_paths(fewer, cut, taken);
    compare(fewer, name(*tier, second) + " with fewer outputs",
            run_dirty(fewer, made.weights, cut, *tier, inputs, second.threads));
  }
}

// Other sizes that the plan takes too, or the same.
std::vector<Shape> other_shapes(Random& random, Network& network, const std::vector<Shape>& shapes, int largest) {
  for (int tries = 0; tries < 20; ++tries) {
    const Shape shape{random.between(1, 2), random.between(1, largest), random.between(1, largest)};
    try {
      const std::vector<Shape> all(shapes.size(), shape);
      network.schedule(all);
      return all;
    } catch (const Error&) {
    }
  }
  return shapes;
}

void check_two_at_once(Random& random, const RandomPlan& made, int largest) {
  const Kernels& kernels = *tiers_here().back();
  const Machine machine = random_machine(random);
  Network network(made.plan, made.weights.data(), kernels, machine);
  struct Caller {
    std::vector<Shape> shapes;
    std::vector<Floats> inputs;
    Outputs expected, got;
  };
  std::array<Caller, 2> callers{};
  for (Caller& caller : callers) {
    caller.shapes = &caller == &callers[0] ? made.inputs() : other_shapes(random, network, made.inputs(), largest);
    caller.inputs = random_inputs(random, made.plan, caller.shapes);
    Network alone(made.plan, made.weights.data(), kernels, {1, std::size_t{1} << 20});
    caller.expected = run(alone, caller.shapes, caller.inputs, 1);
  }
  std::vector<std::thread> threads;
  for (Caller& caller : callers) {
    threads.emplace_back([&] {
      for (int times = 0; times < 2; ++times) caller.got = run(network, caller.shapes, caller.inputs, machine.threads);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Caller& caller : callers) {
    for (std::size_t i = 0; i < caller.got.size(); ++i)
      expect_same(name(kernels, machine) + ", two at once", caller.got[i], caller.expected[i]);
  }
}

void damage(Random& random, std::vector<std::int64_t>& numbers) {
  const auto at = [&]() -> std::int64_t& { return numbers[std::size_t(random.between(0, int(numbers.size()) - 1))]; };
  switch (random.between(0, 5)) {
    case 0:
      numbers.resize(std::size_t(random.between(1, int(numbers.size()))));
      break;
    case 1:
      numbers.insert(numbers.begin() + random.between(0, int(numbers.size())), std::int64_t(random.bits()));
      break;
    case 2:
      at() = random.pick({std::int64_t{-1}, INT64_MAX, INT64_MIN, std::int64_t{1} << 32, std::int64_t{1} << 20,
                          std::bit_cast<std::int64_t>(double{kNaN}), std::bit_cast<std::int64_t>(1e300)});
      break;
    case 3:
      at() = at();
      break;
    default:
      at() ^= std::int64_t(std::uint64_t{1} << random.between(0, random.pick({3, 63})));
  }
}

// May the plan be run here? What a damaged one asks for can be far too large, which is no fault of its reader.
bool small(const Plan& plan) {
  for (const Value& value : plan.values) {
    if (value.channels > 200) return false;
  }
  for (const Step& step : plan.steps) {
    const Window& w = step.window;
    for (const int size :
         {w.height, w.width, w.stride_y, w.stride_x, w.dilation_y, w.dilation_x, w.top, w.left, w.bottom, w.right}) {
      if (size > 20) return false;
    }
    if (std::max(step.resize.height, step.resize.width) > 100 || std::max(step.resize.scale_y, step.resize.scale_x) > 4)
      return false;
  }
  return true;
}

void run_damaged(Random& random, const Plan& plan, const RandomPlan& made) {
  if (!small(plan)) return;
  const std::vector<Shape> shapes(plan.inputs.size(), made.inputs()[0]);
  const Machine machine{1, std::size_t{1} << 20};
  const Schedule schedule = net::schedule(plan, shapes, machine);
  double products = 0;
  for (const Step& step : plan.steps) {
    double depth = step.window.height * step.window.width;
    for (const int input : step.inputs) depth += depth * padded(plan.values[std::size_t(input)]);
    products += depth * double(floats_of(schedule.values[std::size_t(step.output)].shape,
                                         plan.values[std::size_t(step.output)]));
  }
  if (products > 1e8) return;
  run_dirty(plan, made.weights, schedule, *tiers_here().back(), random_inputs(random, plan, shapes), 1);
}

// Whatever the numbers are, they are refused or make a plan that runs.
void check_decode(Random& random, const RandomPlan& made, int& refused, int& decoded) {
  const std::vector<std::int64_t> numbers = encode(made.plan);
  if (encode(decode(numbers.data(), numbers.size(), made.weights.size())) != numbers) fail("decode", "another plan");
  for (int times = 0; times < 50; ++times) {
    std::vector<std::int64_t> damaged = numbers;
    for (int more = random.between(1, 3); more > 0; --more) damage(random, damaged);
    damaged = std::vector<std::int64_t>(damaged.begin(), damaged.end());  // to the byte
    try {
      const Plan plan = decode(damaged.data(), damaged.size(), made.weights.size());
      ++decoded;
      if (times < 10) run_damaged(random, plan, made);
    } catch (const Error&) {
      ++refused;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string limit = argc > 1 ? argv[1] : "100";
  const bool timed = limit.back() == 's';
  const double most = std::atof(limit.c_str());
  const std::uint32_t seed = argc > 2 ? static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)) : 1u;
  const int largest = argc > 3 ? std::atoi(argv[3]) : 40;
  std::setvbuf(stdout, nullptr, _IOLBF, 1024);

  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  std::printf("seed %u\n", seed);
  Taken taken;
  int rounds = 0, refused = 0, decoded = 0;
  for (; timed ? elapsed() < most : rounds < most; ++rounds) {
    current_seed = seed + std::uint32_t(rounds);
    Random random(current_seed);
    const RandomPlan made = PlanMaker(random, largest).make();
    check_plan(random, made, taken);
    check_two_at_once(random, made, largest);
    check_decode(random, made, refused, decoded);
    check_network_kernels(random, rounds);
  }
  for (int path = 0; path < kPaths; ++path) {
    std::printf("  %-22s %6d times", kPathNames[path], taken.count[std::size_t(path)]);
    if (kTolerance[path] > 0) std::printf(", off by %.2g at most", taken.error[std::size_t(path)]);
    std::printf("\n");
    // By then chance has taken every way; one that it no longer finds is no longer checked.
    if (rounds >= 200 && largest >= 40 && taken.count[std::size_t(path)] == 0) fail(kPathNames[path], "never taken");
  }
  std::printf("  damaged plans: %d refused, %d decoded\n", refused, decoded);
  for (const Tier& tier : tiers()) {
    if (tier.runs_here) {
      std::printf("%s: %d rounds, equal\n", tier.kernels->name, rounds);
    } else {
      std::printf("%s: not run (this CPU lacks it)\n", tier.kernels->name);
    }
  }
  std::printf("%d passed, 0 failed\n", rounds * int(tiers_here().size()));
  return rounds > 0 ? 0 : 1;
}
