// Runs random small networks: every tier, number of threads and cache gives the bits of the reference, and the
// reference what the plain definition of each step says. Then the kernels by themselves, and damaged plans.
//   check_network [ROUNDS | SECONDSs] [SEED] [LARGEST_SIDE]      e.g. check_network 300, check_network 20s 7,
//   check_network 5 1 12
// Round r of seed s is round 0 of seed s + r: a failure names the seed that begins with it.
#include <array>
#include <thread>

#include "checking.hpp"
#include "core/error.hpp"
#include "damaged_plans.hpp"
#include "net/network.hpp"
#include "network_ends.hpp"
#include "network_kernels.hpp"
#include "network_runs.hpp"
#include "plain_network.hpp"
#include "random_plan.hpp"

namespace {

using namespace rmbg;
using namespace rmbg::net;

struct Taken {
  std::array<int, kPaths> count{};
  std::array<double, kPaths> error{};
};

Path path_of(const Step& step, const Ready& ready) {
  if (ready.algorithm == Algorithm::winograd) return ready.winograd == F4 ? kF4 : ready.winograd == F6 ? kF6 : kF5;
  if (ready.algorithm == Algorithm::direct) return kDirect;
  if (ready.algorithm == Algorithm::dot) return kDot;
  if (step.kind == StepKind::resize) return kResize;
  if (step.kind == StepKind::deformable) return kDeformable;
  if (step.kind == StepKind::sigmoid) return kSigmoid;
  if (step.kind == StepKind::gate) return kGate;
  if (step.kind == StepKind::mean) return kMean;
  return step.kind == StepKind::add ? kAdd : kPool;  // pack and unpack are as exact as a pool
}

bool lies_where_it_reads(const Schedule& schedule, const Step& step) {
  const Allocation& made = schedule.values[std::size_t(step.output)];
  const auto same = [&](int value) {
    const Allocation& read = schedule.values[std::size_t(resolve(schedule.values, value))];
    return read.home == Home::arena && made.home == Home::arena && read.at == made.at;
  };
  return (step.residual >= 0 && same(step.residual)) || std::any_of(step.inputs.begin(), step.inputs.end(), same);
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
    taken.count[kEdges] += step.edges;
    taken.count[kEnded] += step.through > 0;
    taken.count[kInPlace] += lies_where_it_reads(schedule, step);
    taken.count[kBanded] += ready.band > 0;
    taken.count[kPixel] += step.through > 0 && step.residual >= 0 &&
                           schedule.values[std::size_t(resolve(schedule.values, step.residual))].home == Home::view;
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

}  // namespace

int main(int argc, char** argv) {
  checking::Rounds rounds(argc, argv, "100");
  const int largest = argc > 3 ? std::atoi(argv[3]) : 40;
  std::setvbuf(stdout, nullptr, _IOLBF, 1024);

  std::printf("seed %u\n", rounds.seed);
  Taken taken;
  int refused = 0, decoded = 0;
  for (; rounds.go_on(); ++rounds.done) {
    current_seed = rounds.seed + std::uint32_t(rounds.done);
    Random random(current_seed);
    const RandomPlan made = PlanMaker(random, largest).make();
    check_plan(random, made, taken);
    check_cancelled(random, made);
    check_two_at_once(random, made, largest);
    check_stopped_run(random, made);
    check_stopped_step(random, made);
    check_decode(random, made, refused, decoded);
    check_network_kernels(random, rounds.done);
  }
  for (int path = 0; path < kPaths; ++path) {
    std::printf("  %-22s %6d times", kPathNames[path], taken.count[std::size_t(path)]);
    if (kTolerance[path] > 0) std::printf(", off by %.2g at most", taken.error[std::size_t(path)]);
    std::printf("\n");
    // By then chance has taken every way; one that it no longer finds is no longer checked.
    if (rounds.done >= 200 && largest >= 40 && taken.count[std::size_t(path)] == 0)
      fail(kPathNames[path], "never taken");
  }
  std::printf("  damaged plans: %d refused, %d decoded\n", refused, decoded);
  for (const Tier& tier : tiers()) {
    if (tier.runs_here) {
      std::printf("%s: %d rounds, equal\n", tier.kernels->name, rounds.done);
    } else {
      std::printf("%s: not run (this CPU lacks it)\n", tier.kernels->name);
    }
  }
  std::printf("%d passed, 0 failed\n", rounds.done * int(tiers_here().size()));
  return rounds.done > 0 ? 0 : 1;
}
