// Runs of the network that end before they are done: cancelled, or stopped.
#pragma once

#include <atomic>
#include <cstring>
#include <vector>

#include "checking.hpp"
#include "core/error.hpp"
#include "core/stop.hpp"
#include "net/network.hpp"
#include "network_runs.hpp"
#include "random_plan.hpp"

namespace rmbg::net {

// A run that is cancelled says so, at the first step or where an observer asks for it; the next is as if it had not been.
inline void check_cancelled(Random& random, const RandomPlan& made) {
  const std::vector<Shape> shapes = made.inputs();
  const std::vector<Floats> inputs = random_inputs(random, made.plan, shapes);
  const Machine machine = random_machine(random);
  Network network(made.plan, made.weights.data(), *tiers_here().back(), machine);
  const auto schedule = network.schedule(shapes);
  const Outputs expected = run(network, shapes, inputs, machine.threads);
  struct Canceller {
    std::atomic<bool> cancelled;
    std::size_t last;
    std::size_t seen = 0;
  };
  for (const std::size_t last : {std::size_t{0}, made.plan.steps.size() / 2}) {
    Canceller canceller{{last == 0}, last};
    const auto done = [](void* context, std::size_t) {
      auto& self = *static_cast<Canceller*>(context);
      if (++self.seen == self.last) self.cancelled = true;
    };
    const Observer observer{&canceller, done};
    Parallel parallel = on_threads(machine.threads);
    parallel.cancelled = &canceller.cancelled;
    Buffered buffers(network.plan(), *schedule, inputs);
    const bool whole = network.run(*schedule, buffers.inputs.data(), buffers.outputs.data(), parallel, &observer);
    if (whole || canceller.seen != last) fail("cancelled", "a run goes on");
  }
  const Outputs again = run(network, shapes, inputs, machine.threads);
  for (std::size_t i = 0; i < again.size(); ++i) expect_same("after a cancelled run", again[i], expected[i]);
}

// A run whose stop is asked for during a step ends before the next, and the network runs on as before.
inline void check_stopped_run(Random& random, const RandomPlan& made) {
  const Kernels& kernels = *tiers_here().back();
  const std::vector<Shape> shapes = made.inputs();
  const std::vector<Floats> inputs = random_inputs(random, made.plan, shapes);
  Network network(made.plan, made.weights.data(), kernels, {1, std::size_t{1} << 20});
  const Outputs expected = run(network, shapes, inputs, 1);
  struct Asker {
    Stop stop;
    std::size_t at, seen = 0;
  } asker{{}, std::size_t(random.between(0, std::int32_t(made.plan.steps.size()) - 1))};
  const Observer observer{&asker, [](void* context, std::size_t step) {
                            Asker& it = *static_cast<Asker*>(context);
                            it.seen = step;
                            if (step == it.at) it.stop.ask(Stop::Reason::cancelled);
                          }};
  const auto schedule = network.schedule(shapes);
  Buffered buffers(network.plan(), *schedule, inputs);
  bool stopped = false;
  try {
    const Stop::Scope scope(&asker.stop);
    network.run(*schedule, buffers.inputs.data(), buffers.outputs.data(), on_threads(1), &observer);
  } catch (const Error& error) {
    stopped = error.kind() == ErrorKind::cancelled;
  }
  const bool last = asker.at + 1 == made.plan.steps.size();  // nothing is left to be stopped
  if (stopped == last || asker.seen != asker.at) fail("stop", "the run does not end before the next step");
  const Outputs again = run(network, shapes, inputs, 1);
  for (std::size_t i = 0; i < again.size(); ++i) expect_same("after a stop", again[i], expected[i]);
}

// A run whose stop is asked for when the jobs of a step are shared out leaves them out, those of the last step too.
inline void check_stopped_step(Random& random, const RandomPlan& made) {
  const std::vector<Shape> shapes = made.inputs();
  const std::vector<Floats> inputs = random_inputs(random, made.plan, shapes);
  constexpr int kThreads = 2;
  Network network(made.plan, made.weights.data(), *tiers_here().back(), {kThreads, std::size_t{1} << 20});
  const auto schedule = network.schedule(shapes);
  struct Asker {
    Stop stop;
    std::size_t at, shared = 0;
  };
  const auto run_asked = [&](Asker& asker, Buffered& buffers) {
    const auto ask = [](void* context, void (*work)(void*, std::size_t), void* data, std::size_t count) {
      Asker& it = *static_cast<Asker*>(context);
      if (++it.shared == it.at) it.stop.ask(Stop::Reason::late);
      for (std::size_t i = 0; i < count; ++i) work(data, i);
    };
    const Stop::Scope scope(&asker.stop);
    network.run(*schedule, buffers.inputs.data(), buffers.outputs.data(), {&asker, ask, kThreads});
  };
  Asker counter{{}, 0};
  Buffered whole(network.plan(), *schedule, inputs);
  run_asked(counter, whole);
  if (counter.shared == 0) return;  // each step was one job
  Asker asker{{}, counter.shared};
  Buffered buffers(network.plan(), *schedule, inputs);
  bool stopped = false;
  try {
    run_asked(asker, buffers);
  } catch (const Error& error) {
    stopped = error.kind() == ErrorKind::late;
  }
  if (!stopped) fail("stop", "the run does not end in a step");
  bool left_out = false;
  for (std::size_t i = 0; i < buffers.results.size(); ++i) {
    const Floats &got = buffers.results[i], &expected = whole.results[i];
    left_out = left_out || std::memcmp(got.data(), expected.data(), got.size() * sizeof(float)) != 0;
  }
  if (!left_out) fail("stop", "jobs are done that nobody waits for");
}

}  // namespace rmbg::net
