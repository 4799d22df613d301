#include "pipeline/tables.hpp"

#include <algorithm>
#include <list>
#include <mutex>
#include <utility>

namespace rmbg {
namespace {

struct Key {
  std::int32_t in;
  std::int32_t out;
  std::int32_t kind;
  bool operator==(const Key&) const = default;
};

std::size_t weights_of(const BilinearTable& table) { return table.weight.size(); }
template <typename Table>
std::size_t weights_of(const Table& table) {
  return table.weights.size();
}

// The latest first. Tables of huge pictures are not kept: what is kept shall be small.
template <typename Table>
class Shelf {
 public:
  template <typename Make>
  std::shared_ptr<const Table> get(const Key& key, Make make) {
    {
      const std::lock_guard lock(guard_);
      const auto found =
          std::find_if(kept_.begin(), kept_.end(), [&](const auto& entry) { return entry.first == key; });
      if (found != kept_.end()) {
        kept_.splice(kept_.begin(), kept_, found);
        return kept_.front().second;
      }
    }
    auto table = std::make_shared<const Table>(make());  // outside of the lock: others need not wait for it
    if (weights_of(*table) > kMostWeights) return table;
    const std::lock_guard lock(guard_);
    kept_.emplace_front(key, table);
    if (kept_.size() > kKeptTables) kept_.pop_back();
    return table;
  }

 private:
  static constexpr std::size_t kMostWeights = 1 << 18;
  std::mutex guard_;
  std::list<std::pair<Key, std::shared_ptr<const Table>>> kept_;
};

}  // namespace

std::shared_ptr<const BilinearTable> kept_bilinear(std::int32_t in, std::int32_t out, Centres centres) {
  static Shelf<BilinearTable> shelf;
  return shelf.get({in, out, static_cast<std::int32_t>(centres)}, [&] { return bilinear_table(in, out, centres); });
}

std::shared_ptr<const FilterTable> kept_triangle(std::int32_t in, std::int32_t out) {
  static Shelf<FilterTable> shelf;
  return shelf.get({in, out, 0}, [&] { return triangle_table(in, out); });
}

std::shared_ptr<const LevelTable> kept_levels(std::int32_t in, std::int32_t out, Filter filter) {
  static Shelf<LevelTable> shelf;
  return shelf.get({in, out, static_cast<std::int32_t>(filter)}, [&] { return level_table(in, out, filter); });
}

std::shared_ptr<const MaskTable> kept_mask(std::int32_t in, std::int32_t out, MaskResample resample) {
  static Shelf<MaskTable> shelf;
  return shelf.get({in, out, static_cast<std::int32_t>(resample)}, [&] { return mask_table(in, out, resample); });
}

}  // namespace rmbg
