// Large blocks of the memory, each as long as it must be: the C library's malloc rounds them up to powers of two.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace rmbg::web {

// Not safe to use from many threads at once: its caller has a lock.
class LargeBlocks {
 public:
  static constexpr std::size_t kPage = 1 << 16;
  static constexpr std::size_t kLeast = kPage;  // bytes of a block

  // Null: there is no memory left, or there are too many blocks.
  void* take(std::size_t bytes) {
    const std::size_t size = (bytes + kPage - 1) / kPage * kPage;
    Block* best = nullptr;
    for (Block& block : *this) {
      if (!block.taken && block.size >= size && (!best || block.size < best->size)) best = &block;
    }
    if (!best) best = grow(size);
    if (!best) return nullptr;
    if (best->size > size && count_ < blocks_.size()) split(best, size);
    best->taken = true;
    return reinterpret_cast<void*>(best->begin);
  }

  // False: it is none of these blocks.
  bool give_back(void* memory) {
    const auto begin = reinterpret_cast<std::uintptr_t>(memory);
    Block* const block = std::lower_bound(this->begin(), end(), begin, starts_before);
    if (block == end() || block->begin != begin || !block->taken) return false;
    block->taken = false;
    join(block);
    if (block != this->begin()) join(block - 1);
    return true;
  }

 private:
  struct Block {
    std::uintptr_t begin;
    std::size_t size;
    bool taken;
  };

  static bool starts_before(const Block& block, std::uintptr_t at) { return block.begin < at; }
  Block* begin() { return blocks_.data(); }
  Block* end() { return blocks_.data() + count_; }

  // New memory; where the last block ends with the memory and is free, it becomes longer by what is missing.
  Block* grow(std::size_t size) {
    const std::size_t memory = __builtin_wasm_memory_size(0) * kPage;
    Block* const last = count_ ? end() - 1 : nullptr;
    const bool longer = last && !last->taken && last->begin + last->size == memory;
    if (!longer && count_ == blocks_.size()) return nullptr;
    const std::size_t wanted = longer ? size - last->size : size;
    const std::size_t before = __builtin_wasm_memory_grow(0, wanted / kPage);
    if (before == ~std::size_t{0}) return nullptr;
    if (longer && before * kPage == memory) {
      last->size = size;
      return last;
    }
    *end() = {before * kPage, wanted, false};  // memory only grows: it is the last
    ++count_;
    return wanted == size ? end() - 1 : nullptr;
  }

  void split(Block* block, std::size_t size) {
    std::copy_backward(block + 1, end(), end() + 1);
    ++count_;
    block[1] = {block->begin + size, block->size - size, false};
    block->size = size;
  }

  void join(Block* block) {
    Block* const next = block + 1;
    if (block->taken || next == end() || next->taken || block->begin + block->size != next->begin) return;
    block->size += next->size;
    std::copy(next + 1, end(), next);
    --count_;
  }

  std::array<Block, 256> blocks_{};  // by address
  std::size_t count_ = 0;
};

}  // namespace rmbg::web
