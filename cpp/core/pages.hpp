// Uninitialised memory for large arrays: zeroed by the system when first touched, in large pages where it offers them.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace rmbg {

class Pages {
 public:
  Pages() = default;
  explicit Pages(std::size_t bytes) : memory_(static_cast<std::byte*>(::operator new(bytes, kAlignment))) {
#if defined(__linux__)
    // A walk through hundreds of megabytes misses the table of small pages again and again.
    if (bytes >= static_cast<std::size_t>(kAlignment)) madvise(memory_.get(), bytes, MADV_HUGEPAGE);
#endif
  }
  void* data() { return memory_.get(); }

 private:
#if defined(__wasm__)
  static constexpr std::align_val_t kAlignment{64};
#else
  static constexpr std::align_val_t kAlignment{std::size_t{1} << 21};
#endif
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
  };
  std::unique_ptr<std::byte, Free> memory_;
};

}  // namespace rmbg
