// Rows of a picture shared out over threads, one contiguous band each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>

#include "core/pool.hpp"

namespace rmbg {

constexpr std::int32_t kRowsWorthAThread = 32;  // fewer cost less than to wake one

// Calls work(row_begin, row_end) for bands that cover [0, rows), on at most that many threads. Returns when all are
// done and rethrows the exception of the first band that threw one.
template <typename Work>
void parallel_rows(int threads, std::int32_t rows, const Work& work) {
  struct Bands {
    const Work& work;
    std::int32_t rows;
    int count;
    std::mutex guard;
    std::exception_ptr failure;
    std::size_t failed;

    std::int32_t edge(std::size_t band) const {
      return static_cast<std::int32_t>(std::int64_t{rows} * static_cast<std::int64_t>(band) / count);
    }
    static void run(void* data, std::size_t band) noexcept {
      Bands& all = *static_cast<Bands*>(data);
      try {
        all.work(all.edge(band), all.edge(band + 1));
      } catch (...) {
        const std::lock_guard lock(all.guard);
        if (!all.failure || band < all.failed) {
          all.failure = std::current_exception();
          all.failed = band;
        }
      }
    }
  };
  const int count = std::clamp(threads, 1, std::max(1, rows / kRowsWorthAThread));
  Bands bands{work, rows, count, {}, nullptr, 0};
  run_on_pool(&Bands::run, &bands, static_cast<std::size_t>(count));
  if (bands.failure) std::rethrow_exception(bands.failure);
}

}  // namespace rmbg
