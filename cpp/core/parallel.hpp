// Work shared out over threads: rows of a picture in one contiguous band each, or items as they come.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>

#include "core/mutex.hpp"
#include "core/pool.hpp"

namespace rmbg {

constexpr std::int32_t kRowsWorthAThread = 32;  // fewer cost less than to wake one

// Calls work(i) for i in [0, count) on at most that many threads. Returns when all are done and rethrows the exception of
// the first i that threw one.
template <typename Work>
void parallel_calls(int count, const Work& work) {
  struct Calls {
    const Work& work;
    Mutex guard;
    std::exception_ptr failure;
    std::size_t failed;

    static void run(void* data, std::size_t i) noexcept {
      Calls& all = *static_cast<Calls*>(data);
#if defined(__cpp_exceptions)
      try {
        all.work(static_cast<int>(i));
      } catch (...) {
        const std::lock_guard lock(all.guard);
        if (!all.failure || i < all.failed) {
          all.failure = std::current_exception();
          all.failed = i;
        }
      }
#else
      all.work(static_cast<int>(i));
#endif
    }
  };
  Calls calls{work, {}, nullptr, 0};
  run_on_pool(&Calls::run, &calls, static_cast<std::size_t>(count));
  if (calls.failure) std::rethrow_exception(calls.failure);
}

// Calls work(row_begin, row_end) for bands that cover [0, rows).
template <typename Work>
void parallel_rows(int threads, std::int32_t rows, const Work& work) {
  const int bands = std::clamp(threads, 1, std::max(1, rows / kRowsWorthAThread));
  const auto edge = [&](int k) { return static_cast<std::int32_t>(std::int64_t{rows} * k / bands); };
  parallel_calls(bands, [&](int i) { work(edge(i), edge(i + 1)); });
}

// Calls work(next) on each thread, where next(item) gives the next of [0, items) that nobody has taken, false where none
// is left: for items that take unequal times, in their order.
template <typename Work>
void parallel_items(int threads, std::int32_t items, const Work& work) {
  std::atomic<std::int32_t> taken{0};
  const auto next = [&](std::int32_t& item) { return (item = taken.fetch_add(1)) < items; };
  parallel_calls(std::clamp(threads, 1, std::max(1, items)), [&](int) { work(next); });
}

}  // namespace rmbg
