// Uninitialised memory on a cache-line boundary. Grows, never shrinks, never copies.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace rmbg {

class Buffer {
 public:
  static constexpr std::align_val_t kAlignment{64};

  Buffer() = default;
  explicit Buffer(std::size_t bytes) { reserve(bytes); }

  void reserve(std::size_t bytes) {
    if (bytes <= capacity_) return;
    memory_.reset();
    capacity_ = 0;
    memory_.reset(static_cast<std::byte*>(::operator new(bytes, kAlignment)));
    capacity_ = bytes;
  }
  void* data() { return memory_.get(); }

 private:
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::size_t capacity_ = 0;
};

}  // namespace rmbg
