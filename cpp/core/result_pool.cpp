#include "core/result_pool.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace rmbg {
namespace {

constexpr std::align_val_t kAlignment{kLargePage};
constexpr std::size_t kMostIdle = kMostIdleBytes / kLargePage;
constexpr std::size_t kMostTimes = 8;  // as large as is wanted may be what is taken

// What is idle, the longest first. Nothing in it has a destructor: an array may die after everything else.
struct Idle {
  std::mutex guard;
  std::array<PooledMemory, kMostIdle> blocks;
  std::size_t count;
  std::size_t bytes;
  std::size_t in_use;
  std::size_t most_in_use;  // at once

  // The smallest from `wanted` to `most` bytes; of equal ones the one used last, which may still be in a cache. `count`:
  // there is none.
  std::size_t best(std::size_t wanted, std::size_t most) const {
    std::size_t found = count;
    for (std::size_t i = count; i-- > 0;) {
      const std::size_t size = blocks[i].bytes;
      if (size >= wanted && size <= most && (found == count || size < blocks[found].bytes)) found = i;
    }
    return found;
  }
  void use(std::size_t more) {
    in_use += more;
    most_in_use = std::max(most_in_use, in_use);
  }
  // Whether there would be too much in all with so many bytes more.
  bool too_much(std::size_t more) const {
    const std::size_t most = std::max(most_in_use, in_use + more);
    return bytes + in_use + more > most + most / kMostTimes;
  }
  PooledMemory remove(std::size_t index) {
    const PooledMemory memory = blocks[index];
    for (std::size_t i = index + 1; i < count; ++i) blocks[i - 1] = blocks[i];
    --count;
    bytes -= memory.bytes;
    return memory;
  }
};

Idle& idle() {
  static Idle* const all_idle = new Idle{};
  return *all_idle;
}

void release(PooledMemory memory) { ::operator delete(memory.data, kAlignment); }

// Gives what is idle back to the system, the oldest first, while `wanted` says so; how many bytes that were.
template <typename Wanted>
std::size_t release_while(const Wanted& wanted) {
  Idle& all = idle();
  for (std::size_t bytes = 0;;) {
    PooledMemory oldest;
    {
      const std::lock_guard lock(all.guard);
      if (all.count == 0 || !wanted(all)) return bytes;
      oldest = all.remove(0);
    }
    bytes += oldest.bytes;
    release(oldest);
  }
}

PooledMemory fresh(std::size_t bytes) {
  PooledMemory memory{::operator new(bytes, kAlignment, std::nothrow), bytes};
  if (memory.data == nullptr) {
    trim_memory();
    memory.data = ::operator new(bytes, kAlignment);
  }
#if defined(__linux__)
  madvise(memory.data, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

#if !defined(_WIN32)
// The lock is held across a fork, so that the child finds the list whole.
[[maybe_unused]] const int whole_in_a_child =
    pthread_atfork([] { idle().guard.lock(); }, [] { idle().guard.unlock(); }, [] { idle().guard.unlock(); });
#endif

}  // namespace

PooledMemory take_memory(std::size_t bytes) {
  const std::size_t pages = bytes / kLargePage + (bytes % kLargePage != 0 ? 1 : 0);
  const std::size_t wanted = (pages == 0 ? 1 : pages) * kLargePage;
  if (wanted < bytes) throw std::bad_alloc();
  Idle& all = idle();
  {
    const std::lock_guard lock(all.guard);
    std::size_t best = all.best(wanted, wanted + wanted / 2);
    if (best == all.count && all.too_much(wanted)) best = all.best(wanted, kMostTimes * wanted);
    const bool found = best < all.count;
    const PooledMemory memory = found ? all.remove(best) : PooledMemory{nullptr, wanted};
    all.use(memory.bytes);
    if (found) return memory;
  }
  release_while([](const Idle& now) { return now.too_much(0); });
  try {
    return fresh(wanted);
  } catch (...) {
    const std::lock_guard lock(all.guard);
    all.in_use -= wanted;
    all.most_in_use = all.in_use;  // nothing is idle any more
    throw;
  }
}

void give_memory(PooledMemory memory) noexcept {
  if (memory.data == nullptr) return;
  Idle& all = idle();
  if (memory.bytes > kMostIdleBytes) {
    {
      const std::lock_guard lock(all.guard);
      all.in_use -= memory.bytes;
    }
    return release(memory);
  }
  for (;;) {
    PooledMemory oldest;
    {
      const std::lock_guard lock(all.guard);
      if (all.bytes + memory.bytes <= kMostIdleBytes) {
        all.in_use -= memory.bytes;
        all.blocks[all.count++] = memory;
        all.bytes += memory.bytes;
        return;
      }
      oldest = all.remove(0);
    }
    release(oldest);
  }
}

std::size_t trim_memory() noexcept {
  const std::size_t bytes = release_while([](const Idle&) { return true; });
  Idle& all = idle();
  const std::lock_guard lock(all.guard);
  all.most_in_use = all.in_use;
  return bytes;
}

std::size_t idle_memory() noexcept {
  Idle& all = idle();
  const std::lock_guard lock(all.guard);
  return all.bytes;
}

}  // namespace rmbg
