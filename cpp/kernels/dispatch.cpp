#include "kernels/dispatch.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "core/cpu.hpp"
#include "core/error.hpp"

namespace rmbg::kernels {

#if defined(__aarch64__) || defined(_M_ARM64)
extern const KernelTable neon_table;
#else
extern const KernelTable baseline_table;
#endif
#if defined(__x86_64__) || defined(_M_X64)
extern const KernelTable avx2_table;
extern const KernelTable avx512_table;
#endif

std::vector<Tier> tiers() {
  std::vector<Tier> all{{&reference_table, true}};
#if defined(__aarch64__) || defined(_M_ARM64)
  all.push_back({&neon_table, true});
#else
  all.push_back({&baseline_table, true});
#endif
#if defined(__x86_64__) || defined(_M_X64)
  all.push_back({&avx2_table, cpu_has_avx2()});
  all.push_back({&avx512_table, cpu_has_avx512_vnni()});
#endif
  return all;
}

namespace {

const KernelTable* find(const std::string& name) {
  const KernelTable* found = nullptr;
  std::string offered;
  for (const Tier& tier : tiers()) {
    if (!tier.runs_here) continue;
    if (name == "auto" || name == tier.table->name) found = tier.table;
    offered += std::string(" ") + tier.table->name;
  }
  if (!found) fail(ErrorKind::option, "no kernel tier '" + name + "' runs here; there are: auto" + offered);
  return found;
}

const KernelTable* initial() {
  const char* forced = std::getenv("RMBG_FAST_TIER");
  return find(forced && *forced ? forced : "auto");
}

// A wrong RMBG_FAST_TIER throws at the first use and again at each later one, until it is mended.
std::atomic<const KernelTable*> chosen{nullptr};

}  // namespace

const KernelTable& active() {
  const KernelTable* table = chosen.load(std::memory_order_acquire);
  if (!table) {
    table = initial();
    chosen.store(table, std::memory_order_release);
  }
  return *table;
}

void set_active(const std::string& name) { chosen.store(find(name), std::memory_order_release); }

std::size_t scratch_bytes(const ResizeBilinear& job) {
  return static_cast<std::size_t>(padded_width(job.out.width)) * (2 * 3 * sizeof(float) + kPlannedColumnBytes);
}

std::size_t scratch_bytes(const ResizeTriangle& job) {
  const auto plane = static_cast<std::size_t>(padded_width(job.out.width));
  const std::size_t sums = 3 * sizeof(std::int32_t) * plane;
  const std::size_t row = sizeof(std::int16_t) * static_cast<std::size_t>(triangle_row_words(job));
  if (!triangle_columns_first(job)) return sums + row + std::max(triangle_part_bytes(job), triangle_plan_bytes(job));
  const std::size_t ring = static_cast<std::size_t>(job.rows.stride) * 3 * sizeof(std::int16_t) * plane;
  return sums + ring + kPlannedColumnBytes * plane + row;
}

std::size_t scratch_bytes(const ResizeMask& job) {
  const std::size_t taps = static_cast<std::size_t>(job.rows.taps);
  return (taps + 1) * sizeof(float) * (static_cast<std::size_t>(job.width) + 16) +
         taps * (sizeof(const float*) + sizeof(std::int32_t));
}

std::size_t scratch_bytes(const ResizeLevels& job) {
  const std::size_t taps = static_cast<std::size_t>(job.rows.stride);
  return taps * (static_cast<std::size_t>(job.width) * static_cast<std::size_t>(job.channels) + 64) +
         taps * (sizeof(const std::uint8_t*) + sizeof(std::int32_t));
}

std::size_t scratch_bytes(const EstimateForeground& job) {
  const std::size_t sample = job.wide ? 2 : 1;
  const auto radius = [&](int i) { return static_cast<std::size_t>(job.radii[i]); };
  const std::int32_t columns = std::min(job.width, kForegroundStrip + 2 * foreground_beside(job));
  const std::size_t blocks = static_cast<std::size_t>((columns + kForegroundBlock - 1) / kForegroundBlock);
  const std::size_t width = blocks * kForegroundBlock;
  const std::size_t sums = 3 * (width + 1) + 2 * (radius(0) + radius(1) + radius(2));  // 8 lanes of 4 or 8 bytes each
  const std::size_t rows = 2 * (radius(1) + radius(2)) + 8;                            // 8 lanes of samples each
  const std::size_t walk = 32 * sample * sums + sample * width * (8 * rows + 4) + 13 * blocks;
  const std::size_t ring = 6 * sample * static_cast<std::size_t>(job.width) * (rows - 5);  // of the reference
  return std::max(walk, ring);
}

}  // namespace rmbg::kernels
