// The tables of axis.hpp, made once for each pair of lengths and kept for the next picture of that size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <utility>

#include "core/mutex.hpp"
#include "pipeline/axis.hpp"

namespace rmbg {

// Each kind keeps the tables that were asked for last, at most kKept of them; a table that is in use lives on. Many
// threads may ask at once. A Remover has its own: filters of many taps cost as much to make as a small picture costs to
// resize, and the model's side of them is always the same.
class Tables {
 public:
  static constexpr std::size_t kKept = 32;
  static constexpr std::size_t kMostWeights = 1 << 18;  // tables of huge pictures are not kept

  std::shared_ptr<const BilinearTable> bilinear(std::int32_t in, std::int32_t out, Centres centres) {
    return bilinear_.get({in, out, static_cast<int>(centres)}, [&] { return bilinear_table(in, out, centres); });
  }
  std::shared_ptr<const FilterTable> triangle(std::int32_t in, std::int32_t out) {
    return triangle_.get({in, out, 0}, [&] { return triangle_table(in, out); });
  }
  std::shared_ptr<const LevelTable> levels(std::int32_t in, std::int32_t out, Filter filter) {
    return levels_.get({in, out, static_cast<int>(filter)}, [&] { return level_table(in, out, filter); });
  }
  std::shared_ptr<const MaskTable> mask(std::int32_t in, std::int32_t out, MaskResample resample) {
    return mask_.get({in, out, static_cast<int>(resample)}, [&] { return mask_table(in, out, resample); });
  }

 private:
  struct Key {
    std::int32_t in;
    std::int32_t out;
    int kind;
    bool operator==(const Key&) const = default;
  };

  // The latest first.
  template <typename Table>
  class Shelf {
   public:
    template <typename Make>
    std::shared_ptr<const Table> get(const Key& key, const Make& make) {
      {
        const std::lock_guard lock(guard_);
        const auto found =
            std::find_if(kept_.begin(), kept_.end(), [&](const auto& entry) { return entry.first == key; });
        if (found != kept_.end()) {
          kept_.splice(kept_.begin(), kept_, found);
          return found->second;
        }
      }
      auto table = std::make_shared<const Table>(make());  // outside of the lock: others need not wait for it
      if (weights_of(*table) > kMostWeights) return table;
      const std::lock_guard lock(guard_);
      kept_.emplace_front(key, table);
      if (kept_.size() > kKept) kept_.pop_back();
      return table;
    }

   private:
    static std::size_t weights_of(const Table& table) {
      if constexpr (requires { table.weight; }) {
        return table.weight.size();
      } else {
        return table.weights.size();
      }
    }

    Mutex guard_;
    std::list<std::pair<Key, std::shared_ptr<const Table>>> kept_;
  };

  Shelf<BilinearTable> bilinear_;
  Shelf<FilterTable> triangle_;
  Shelf<LevelTable> levels_;
  Shelf<MaskTable> mask_;
};

}  // namespace rmbg
