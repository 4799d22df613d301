// Memory of large results, kept for the next ones: a fresh array of 48 MB costs more to be given its pages than to be
// written. What is kept does not add to what a process takes at most: in use and idle together are an eighth more than
// was in use at once, at most.
#pragma once

#include <cstddef>

namespace rmbg {

// Sizes are whole large pages (2 MiB), addresses too, and the system is asked for large pages. Idle memory is bounded
// and shared by all threads. A forked child has its own copy of what is idle. When the process ends all stays as it is.
constexpr std::size_t kLargePage = std::size_t{1} << 21;
constexpr std::size_t kPooledBytes = std::size_t{1} << 20;      // smaller results are not worth it
constexpr std::size_t kMostIdleBytes = std::size_t{256} << 20;  // beyond, what was idle longest goes back to the system

struct PooledMemory {
  void* data = nullptr;
  std::size_t bytes = 0;  // what there really is
};

// At least `bytes` bytes, of any content. Idle memory of up to half as much again is taken before new; where new would be
// too much, of up to eight times as much, or else what was idle longest goes back to the system. Throws std::bad_alloc,
// after it has given back what is idle and tried again.
PooledMemory take_memory(std::size_t bytes);
// Back to the pool, from any thread. Does not throw.
void give_memory(PooledMemory memory) noexcept;
// Gives all idle memory back to the system, and forgets how much was in use; how many bytes that were.
std::size_t trim_memory() noexcept;
std::size_t idle_memory() noexcept;

}  // namespace rmbg
