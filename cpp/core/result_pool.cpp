#include "core/result_pool.hpp"

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

// What is idle, the longest first. Nothing in it has a destructor: an array may die after everything else.
struct Idle {
  std::mutex guard;
  std::array<PooledMemory, kMostIdle> blocks;
  std::size_t count;
  std::size_t bytes;

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
  {
    Idle& all = idle();
    const std::lock_guard lock(all.guard);
    std::size_t best = all.count;
    for (std::size_t i = all.count; i-- > 0;) {  // what was used last is still in a cache
      const std::size_t size = all.blocks[i].bytes;
      const bool fits = size >= wanted && size - wanted <= wanted / 2;
      if (fits && (best == all.count || size < all.blocks[best].bytes)) best = i;
    }
    if (best < all.count) return all.remove(best);
  }
  return fresh(wanted);
}

void give_memory(PooledMemory memory) noexcept {
  if (memory.data == nullptr) return;
  Idle& all = idle();
  if (memory.bytes > kMostIdleBytes) return release(memory);
  for (;;) {
    PooledMemory oldest;
    {
      const std::lock_guard lock(all.guard);
      if (all.bytes + memory.bytes <= kMostIdleBytes) {
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
  Idle& all = idle();
  std::size_t bytes = 0;
  for (;;) {
    PooledMemory oldest;
    {
      const std::lock_guard lock(all.guard);
      if (all.count == 0) return bytes;
      oldest = all.remove(0);
    }
    bytes += oldest.bytes;
    release(oldest);
  }
}

std::size_t idle_memory() noexcept {
  Idle& all = idle();
  const std::lock_guard lock(all.guard);
  return all.bytes;
}

}  // namespace rmbg
