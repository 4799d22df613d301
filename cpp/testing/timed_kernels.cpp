#include "testing/timed_kernels.hpp"

#include <atomic>
#include <chrono>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace rmbg::testing {
namespace {

using net::Kernels;

// steady_clock takes 25 ns a call, a transform 100: the counter of the CPU takes 8.
std::int64_t now() {
#if defined(__x86_64__)
  return static_cast<std::int64_t>(__rdtsc());
#else
  return std::chrono::steady_clock::now().time_since_epoch().count();
#endif
}

// A call that takes longer was interrupted; it counts as the mean of the others. None takes a tenth of that.
constexpr std::int64_t kInterrupted = 500'000;  // ticks

struct Counter {
  std::atomic<std::int64_t> ticks{0}, calls{0}, interrupted{0};
};

const Kernels* real;
Counter counters[kParts];
std::atomic<std::int64_t> multiplications{0};

template <Part part, typename Call>
void count(const Call& call) {
  const std::int64_t begun = now();
  call();
  const std::int64_t taken = now() - begun;
  Counter& counter = counters[part];
  counter.calls.fetch_add(1, std::memory_order_relaxed);
  if (taken > kInterrupted) {
    counter.interrupted.fetch_add(1, std::memory_order_relaxed);
  } else {
    counter.ticks.fetch_add(taken, std::memory_order_relaxed);
  }
}

template <int variant>
void input(const net::Patch& patch, float* products, std::ptrdiff_t stride) {
  count<kInputs>([&] { real->winograd_input[variant](patch, products, stride); });
}

template <int variant>
void weights(const float* taps, float* to) {
  count<kWeights>([&] { real->winograd_weights[variant](taps, to); });
}

template <int variant>
void output(const float* products, std::ptrdiff_t stride, const net::Finish& finish, float* out, std::ptrdiff_t row,
            std::ptrdiff_t column, int rows, int columns) {
  count<kOutputs>([&] { real->winograd_output[variant](products, stride, finish, out, row, column, rows, columns); });
}

void multiply(const net::Multiply& job) {
  count<kMultiply>([&] { real->multiply(job); });
  const std::int64_t blocks = std::int64_t{job.tiles} * job.blocks * job.outputs;
  multiplications.fetch_add(blocks * net::kBlock * net::kBlock, std::memory_order_relaxed);
}

void sample(const float* in, std::ptrdiff_t row, const net::Lerp* rows, int row_count, const net::Lerp* columns,
            int column_count, float* between, float* out, std::ptrdiff_t out_row) {
  count<kSample>([&] { real->sample(in, row, rows, row_count, columns, column_count, between, out, out_row); });
}

void max_pool(const float* in, std::ptrdiff_t row, int rows, int width, int window, int stride, int first, float* out,
              int pixels) {
  count<kPool>([&] { real->max_pool(in, row, rows, width, window, stride, first, out, pixels); });
}

// Milliseconds of a tick, and ticks that the clock itself adds to a call.
struct Clock {
  double tick, own;
};

Clock measured() {
  constexpr int calls = 100000;
  const auto begun = std::chrono::steady_clock::now();
  const std::int64_t first = now();
  for (int i = 0; i < calls; ++i) count<kPool>([] {});
  const std::int64_t ticks = now() - first;
  const std::chrono::duration<double, std::milli> passed = std::chrono::steady_clock::now() - begun;
  const auto whole = static_cast<double>(calls - counters[kPool].interrupted.exchange(0));
  const double own = static_cast<double>(counters[kPool].ticks.exchange(0)) / whole;
  counters[kPool].calls = 0;
  return {passed.count() / static_cast<double>(ticks), own};
}

}  // namespace

const Kernels& timed(const Kernels& kernels) {
  static Kernels table;
  real = &kernels;
  table = kernels;
  table.winograd_input[net::F4] = input<net::F4>;
  table.winograd_input[net::F6] = input<net::F6>;
  table.winograd_input[net::F5] = input<net::F5>;
  table.winograd_weights[net::F4] = weights<net::F4>;
  table.winograd_weights[net::F6] = weights<net::F6>;
  table.winograd_weights[net::F5] = weights<net::F5>;
  table.winograd_output[net::F4] = output<net::F4>;
  table.winograd_output[net::F6] = output<net::F6>;
  table.winograd_output[net::F5] = output<net::F5>;
  table.multiply = multiply;
  table.sample = sample;
  table.max_pool = max_pool;
  return table;
}

Times take_times() {
  static const Clock clock = measured();
  Times times;
  for (std::size_t part = 0; part < kParts; ++part) {
    const auto ticks = static_cast<double>(counters[part].ticks.exchange(0));
    const std::int64_t calls = counters[part].calls.exchange(0);
    const std::int64_t whole = calls - counters[part].interrupted.exchange(0);
    if (whole == 0) continue;
    const double mean = ticks / static_cast<double>(whole) - clock.own;
    times.milliseconds[part] = mean * static_cast<double>(calls) * clock.tick;
  }
  times.operations = 2.0 * static_cast<double>(multiplications.exchange(0));
  return times;
}

}  // namespace rmbg::testing
