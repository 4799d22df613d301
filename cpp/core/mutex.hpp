// std::mutex, and one for WebAssembly, whose C++ library has none.
#pragma once

#include <mutex>

#if defined(__wasm__)
#include <atomic>
#endif

namespace rmbg {

#if defined(__wasm__)

// Where memory is shared, whoever finds it taken sleeps; where it is not, there is one thread and nobody does.
class Mutex {
 public:
  void lock() {
    while (taken_.exchange(1, std::memory_order_acquire) != 0) {
      __builtin_wasm_memory_atomic_wait32(reinterpret_cast<int*>(&taken_), 1, -1);
    }
  }
  void unlock() {
    taken_.store(0, std::memory_order_release);
    __builtin_wasm_memory_atomic_notify(reinterpret_cast<int*>(&taken_), 1);
  }

 private:
  std::atomic<int> taken_{0};
};

#else

using Mutex = std::mutex;

#endif

}  // namespace rmbg
