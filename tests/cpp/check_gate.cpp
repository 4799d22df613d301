// The gate, stops, batches, and how the pool shares the cores out: many threads at once. To be run under the thread sanitizer too.
//   check_gate [ROUNDS]
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "core/error.hpp"
#include "core/gate.hpp"
#include "core/pool.hpp"
#include "core/stop.hpp"
#include "pipeline/batches.hpp"

namespace {

using namespace rmbg;
using namespace std::chrono_literals;
using Rank = Gate::Rank;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("FAILED: %s\n", what);
  std::exit(1);
}

Gate::Clock::time_point soon() { return Gate::Clock::now() + 60s; }  // what hangs so long fails

ErrorKind kind_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  expect(false, "no error came");
  return ErrorKind::image;
}

// No more weight inside than there are slots, whoever comes, waits in vain, or is stopped.
void check_slots(std::uint32_t seed) {
  constexpr int kSlots = 3, kCallers = 8;
  Gate gate(kSlots, -1);
  std::atomic<int> inside{0};
  std::atomic<int> done{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      std::mt19937 random(seed * 97 + static_cast<std::uint32_t>(i));
      for (int round = 0; round < 40; ++round) {
        const int weight = 1 + static_cast<int>(random() % 4);  // 4 is more than all
        const auto ticket = gate.join(weight, random() % 2 ? Rank::interactive : Rank::bulk, false);
        std::thread asker;
        if (random() % 8 == 0) asker = std::thread([&] { ticket->stop.ask(Stop::Reason::cancelled); });
        try {
          expect(gate.wait(*ticket, soon()), "a call waits for ever");
          const int taken = std::min(weight, kSlots);
          expect((inside += taken) <= kSlots, "more weight is inside than there are slots");
          std::this_thread::yield();
          inside -= taken;
        } catch (const Error& error) {
          expect(error.kind() == ErrorKind::cancelled, "another error than that of a stop");
        }
        gate.leave(*ticket);
        gate.leave(*ticket);
        if (asker.joinable()) asker.join();
        ++done;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  const Gate::Counts counts = gate.counts();
  expect(done == kCallers * 40 && counts.running == 0 && counts.waiting == 0, "places are left over");
}

void check_order() {
  Gate gate(1, 2);
  const auto first = gate.join(1, Rank::interactive, false);
  const auto bulk = gate.join(1, Rank::bulk, false);
  const auto second = gate.join(1, Rank::interactive, false);
  const auto third = gate.join(1, Rank::interactive, false);
  expect(kind_of([&] { gate.join(1, Rank::interactive, false); }) == ErrorKind::queue_full, "a full queue takes more");
  expect(gate.counts().refused == 1, "a refused call is not counted");
  const auto inside = [&](const auto& ticket) { return gate.wait(*ticket, Gate::Clock::now()); };
  expect(inside(first) && !inside(second), "two are in one slot");
  gate.leave(*first);
  expect(inside(second) && !inside(third) && !inside(bulk), "the first that waits does not come first");
  gate.leave(*third);
  gate.leave(*second);
  expect(inside(bulk), "bulk work does not come when nobody else waits");
  gate.leave(*bulk);
  expect(gate.counts().running == 0 && gate.counts().most_waiting == 3, "counts are wrong");
}

// Calls end in the order in which they came: what takes longer begins earlier, by so much and no more.
void check_head_starts() {
  Gate gate(1, 3);
  const auto first = gate.join(1, Rank::interactive, false, 1h);
  const auto quick = gate.join(1, Rank::interactive, false);
  std::this_thread::sleep_for(2ms);
  const auto slow = gate.join(1, Rank::interactive, false, 1h);
  const auto slower = gate.join(1, Rank::interactive, false, 2h);
  expect(kind_of([&] { gate.join(1, Rank::interactive, false, 3h); }) == ErrorKind::queue_full,
         "a full queue takes a call that would not be its last");
  const auto inside = [&](const auto& ticket) { return gate.wait(*ticket, Gate::Clock::now()); };
  gate.leave(*first);
  expect(inside(slower) && !inside(slow), "the slowest does not begin first");
  gate.leave(*slower);
  expect(inside(slow) && !inside(quick), "a slow call does not begin before a quick one");
  const auto late = gate.join(1, Rank::interactive, false, 1ms);
  gate.leave(*slow);
  expect(inside(quick) && !inside(late), "a call is overtaken by one that came too late for that");
}

void check_stops() {
  Gate gate(1, -1);
  const auto first = gate.join(1, Rank::interactive, false);
  const auto second = gate.join(1, Rank::interactive, false);
  std::thread asker([&] { second->stop.ask(Stop::Reason::late); });
  expect(kind_of([&] { gate.wait(*second, soon()); }) == ErrorKind::late, "the reason of a stop is lost");
  asker.join();
  second->stop.ask(Stop::Reason::cancelled);
  expect(second->stop.reason() == Stop::Reason::late, "the first reason does not count");
  int told = 0;
  const auto tell = [](void* count) { ++*static_cast<int*>(count); };
  {
    const Stop::Listener listener(second->stop, tell, &told);
  }
  {
    const Stop::Listener listener(first->stop, tell, &told);
  }
  first->stop.ask(Stop::Reason::cancelled);
  expect(told == 1, "a listener is told when it should not be, or is not");
  const Stop::Scope outer(&first->stop);
  expect(kind_of(check_stop) == ErrorKind::cancelled, "the current stop is not looked at");
  const Stop::Scope inner(nullptr);
  check_stop();
}

void check_lanes() {
  constexpr int kCalls = 200;
  Gate gate(2, -1);
  std::array<std::atomic<int>, kCalls> seen{};
  std::array<std::shared_ptr<Gate::Ticket>, kCalls> tickets;
  std::vector<std::thread> lanes;
  std::mutex guard;
  for (int i = 0; i < 2; ++i) {
    lanes.emplace_back([&] {
      while (const auto number = gate.next()) {
        ++seen[*number];
        const std::lock_guard lock(guard);
        gate.leave(*tickets[*number]);
      }
    });
  }
  for (int i = 0; i < kCalls; ++i) {
    const std::lock_guard lock(guard);  // a lane may have it at once
    tickets[static_cast<std::size_t>(i)] = gate.join(1, i % 3 ? Rank::interactive : Rank::bulk, true);
  }
  while (gate.counts().entered < kCalls || gate.counts().running > 0) std::this_thread::yield();
  gate.close();
  for (std::thread& lane : lanes) lane.join();
  for (const auto& times : seen) expect(times == 1, "a call of the lanes was not done once");
}

// Each caller gets its own answer, whoever is in the run with it; a run has no more pictures than it may have.
void check_batches() {
  constexpr std::size_t kMost = 3;
  std::atomic<int> runs{0};
  const auto model = [&](const void* data, const Batches::Shape& shape, cuda::HostBuffer& result) {
    ++runs;
    const auto count = static_cast<std::size_t>(shape[0]);
    expect(count >= 1 && count <= kMost, "a run has too many pictures");
    const auto* const values = static_cast<const float*>(data);
    if (values[0] < 0) throw Error(ErrorKind::inference, "as it was told");
    result.reserve(count * sizeof(float));
    for (std::size_t i = 0; i < count; ++i) static_cast<float*>(result.data())[i] = 2 * values[2 * i + 1];
    return Batches::Shape{shape[0], 1};
  };
  Batches batches(model, kMost, 200us, nullptr);
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&, i] {
      cuda::HostBuffer result;
      for (int round = 0; round < 50; ++round) {
        const float input[2] = {0, static_cast<float>(100 * i + round)};
        const Batches::Shape shape = batches.run(input, sizeof input, {1, 2, 1 + i % 2}, result);
        expect(shape == Batches::Shape{1, 1}, "a result has another shape");
        expect(*static_cast<const float*>(result.data()) == 2 * input[1], "a caller got the answer of another");
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  const Batches::Counts counts = batches.counts();
  expect(counts.pictures == 400 && counts.runs == static_cast<std::uint64_t>(runs), "pictures are lost");
  cuda::HostBuffer result;
  const float broken[2] = {-1, 0};
  const auto fails = [&] { batches.run(broken, sizeof broken, {1, 2}, result); };
  expect(kind_of(fails) == ErrorKind::inference, "the model's error is lost");
}

// How many threads work on a job at once.
int width_of(std::size_t count) {
  struct Seen {
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
  } seen;
  run_on_pool(
      [](void* data, std::size_t) {
        Seen& all = *static_cast<Seen*>(data);
        const int now = ++all.inside;
        for (int most = all.most; most < now && !all.most.compare_exchange_weak(most, now);) {
        }
        std::this_thread::sleep_for(20ms);
        --all.inside;
      },
      &seen, count);
  return seen.most;
}

void check_shares() {
  set_cores(4);
  expect(width_of(4) <= 4, "a job has more threads than it asks for");
  enter_call();
  expect(width_of(4) > 1, "a lone call is not helped");
  enter_call();
  expect(width_of(8) <= 4 && width_of(2) <= 2, "two calls do not share the cores");
  enter_call();
  enter_call();
  expect(width_of(4) == 1, "of four calls each has more than its core");
  for (int i = 0; i < 4; ++i) leave_call();
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 20;
  check_order();
  check_head_starts();
  check_shares();
  for (int round = 0; round < rounds; ++round) {
    check_slots(static_cast<std::uint32_t>(round));
    check_stops();
    check_lanes();
    check_batches();
  }
  std::printf("%d rounds: the gate, stops, lanes, batches, shares of the cores\n", rounds);
  return rounds > 0 ? 0 : 1;
}
