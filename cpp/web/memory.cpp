// The heap of two parts, and how an error leaves: the C library's malloc knows of no threads here, so that all memory is asked for
// through these operators, one at a time.
#include <cstdint>
#include <cstdlib>
#include <new>

#include "core/error.hpp"
#include "core/mutex.hpp"
#include "web/host.hpp"
#include "web/large_blocks.hpp"

namespace rmbg {
namespace {

constexpr std::size_t kLine = 64;
constinit Mutex heap;
constinit web::LargeBlocks large;

void* take(std::size_t bytes, std::size_t alignment) {
  heap.lock();
  void* memory = bytes >= web::LargeBlocks::kLeast
                     ? large.take(bytes)
                     : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  heap.unlock();
  if (!memory) rmbg_fast_fail(-1, nullptr, 0);
  return memory;
}

void give_back(void* memory) {
  const std::lock_guard lock(heap);
  if (!large.give_back(memory)) std::free(memory);
}

}  // namespace

void fail(ErrorKind kind, const std::string& message) {
  rmbg_fast_fail(static_cast<int>(kind), message.data(), message.size());
}

}  // namespace rmbg

void* operator new(std::size_t bytes) { return rmbg::take(bytes, 16); }
void* operator new[](std::size_t bytes) { return rmbg::take(bytes, 16); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return rmbg::take(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { rmbg::give_back(memory); }
void operator delete[](void* memory) noexcept { rmbg::give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { rmbg::give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { rmbg::give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { rmbg::give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { rmbg::give_back(memory); }

// On a cache line.
RMBG_FAST_EXPORT("allocate") void* rmbg_fast_allocate(std::size_t bytes) { return rmbg::take(bytes, rmbg::kLine); }
RMBG_FAST_EXPORT("release") void rmbg_fast_release(void* memory) { rmbg::give_back(memory); }
