// Uninitialised memory on a cache-line boundary. Grows, never shrinks, never copies. Large ones are taken from the pool of
// results: whoever works next takes them over, and no thread's own arena (malloc's) keeps such a block for itself.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

#if !defined(__wasm__)
#include "core/result_pool.hpp"
#endif

namespace rmbg {

class Buffer {
 public:
  static constexpr std::align_val_t kAlignment{64};

  Buffer() = default;
  explicit Buffer(std::size_t bytes) { reserve(bytes); }

  void reserve(std::size_t bytes) {
    if (bytes <= memory_.get_deleter().bytes) return;
    memory_ = Memory();
    memory_ = fresh(bytes);
  }
  void* data() { return memory_.get(); }

 private:
  struct Free {
    Free() {}
    explicit Free(std::size_t size) : bytes(size) {}
    void operator()(std::byte* memory) const {
#if !defined(__wasm__)
      if (bytes >= kPooledBytes) return give_memory({memory, bytes});
#endif
      ::operator delete(memory, kAlignment);
    }
    std::size_t bytes{0};
  };
  using Memory = std::unique_ptr<std::byte, Free>;

  static Memory fresh(std::size_t bytes) {
#if !defined(__wasm__)
    if (bytes >= kPooledBytes) {
      const PooledMemory pooled = take_memory(bytes);
      return {static_cast<std::byte*>(pooled.data), Free(pooled.bytes)};
    }
#endif
    return {static_cast<std::byte*>(::operator new(bytes, kAlignment)), Free(bytes)};
  }

  Memory memory_;
};

}  // namespace rmbg
