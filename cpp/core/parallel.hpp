// Rows of a picture shared out over threads, one contiguous band each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace rmbg {

constexpr std::int32_t kRowsWorthAThread = 32;  // fewer cost less than a thread's start

// Calls work(row_begin, row_end) for bands that cover [0, rows). Returns when all are done and rethrows the first
// exception.
template <typename Work>
void parallel_rows(int threads, std::int32_t rows, Work work) {
  const int bands = std::clamp(threads, 1, std::max(1, rows / kRowsWorthAThread));
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(bands));
  const auto band = [&](int i) noexcept {
    const auto edge = [&](int k) { return static_cast<std::int32_t>(std::int64_t{rows} * k / bands); };
    try {
      work(edge(i), edge(i + 1));
    } catch (...) {
      failures[static_cast<std::size_t>(i)] = std::current_exception();
    }
  };
  std::vector<std::thread> helpers;
  helpers.reserve(static_cast<std::size_t>(bands));
  for (int i = 1; i < bands; ++i) {
    try {
      helpers.emplace_back(band, i);
    } catch (const std::system_error&) {  // the system has no thread left: this one does the band
      band(i);
    }
  }
  band(0);
  for (std::thread& helper : helpers) helper.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace rmbg
