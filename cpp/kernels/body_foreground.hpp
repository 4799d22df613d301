// estimate_foreground: strip by strip, all three fusions in one walk down. Each keeps a sum a column and lets a box
// slide along them; the rows between two of them stay in a ring. What no pixel between opaque and transparent sees is
// not made: stretches of rows without any are left out, and in the others quotients are taken only near them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/foreground_lanes.hpp"
#include "kernels/kernels.hpp"

namespace {

using namespace rmbg::kernels;

// Whether a block of pixels is neither all opaque nor all transparent.
template <typename T>
inline bool foreground_mixed(const T* alpha, std::int32_t count) {
  T all = static_cast<T>(~T{0});
  T any = 0;
  const auto look = [&](std::int32_t upto) {
    for (std::int32_t i = 0; i < upto; ++i) {
      all &= alpha[i];
      any |= alpha[i];
    }
  };
  if (count == kForegroundBlock) {
    look(kForegroundBlock);
  } else {
    look(count);
  }
  return any != 0 && all != static_cast<T>(~T{0});
}

// Writes a block that is not mixed.
template <typename T>
inline void foreground_plain(const T* __restrict src, std::int32_t channels, bool opaque, std::int32_t count,
                             T* __restrict dst) {
  if (!opaque) {
    for (std::int32_t i = 0; i < 3 * count; ++i) dst[i] = 0;
  } else if (channels == 3 && count == kForegroundBlock) {
    for (std::int32_t i = 0; i < 3 * kForegroundBlock; ++i) dst[i] = src[i];
  } else {
    const std::int32_t step = channels == 1 ? 0 : 1;
    for (std::int32_t i = 0; i < count; ++i) {
      for (int c = 0; c < 3; ++c) dst[3 * i + c] = src[i * channels + c * step];
    }
  }
}

inline std::int32_t foreground_block(std::int32_t begin, std::int32_t end) {
  return end - begin < kForegroundBlock ? end - begin : kForegroundBlock;
}

// The part of a picture that one walk looks at: a strip, and as much beside it as its boxes reach.
template <typename T>
struct ForegroundStrip {
  EstimateForeground job;  // of this part alone
  std::int32_t begin;      // the strip in it; a multiple of the block
  std::int32_t end;

  const T* src(std::int32_t y) const {
    return reinterpret_cast<const T*>(static_cast<const char*>(job.src) + y * job.src_stride);
  }
  const T* alpha(std::int32_t y) const {
    return reinterpret_cast<const T*>(static_cast<const char*>(job.alpha) + y * job.alpha_stride);
  }
  T* dst(std::int32_t y) const { return reinterpret_cast<T*>(static_cast<char*>(job.dst) + y * job.dst_stride); }

  // Writes a row: the picture where it is opaque, 0 where it is transparent, the lanes' foreground between.
  void store(std::int32_t y, const T* lanes) const {
    const std::int32_t step = job.channels == 1 ? 0 : 1;
    const T* a = alpha(y);
    const T* pixels = src(y);
    T* out = dst(y);
    for (std::int32_t x = begin; x < end; x += kForegroundBlock) {
      const std::int32_t count = foreground_block(x, end);
      if (!foreground_mixed(a + x, count)) {
        foreground_plain(pixels + x * job.channels, job.channels, a[x] != 0, count, out + 3 * x);
        continue;
      }
      for (std::int32_t i = x; i < x + count; ++i) {
        const bool opaque = a[i] == static_cast<T>(~T{0});
        const T* p = opaque ? pixels + i * job.channels : lanes + 8 * i;
        for (int c = 0; c < 3; ++c) out[3 * i + c] = a[i] ? p[c * (opaque ? step : 1)] : T{0};
      }
    }
  }
  bool mixed(std::int32_t y) const {
    const T* a = alpha(y);
    for (std::int32_t x = begin; x < end; x += kForegroundBlock) {
      if (foreground_mixed(a + x, foreground_block(x, end))) return true;
    }
    return false;
  }
};

// One fusion on its way down. Of its rows, only those are made that later ones, `reach` rows around, see.
template <typename T>
struct ForegroundFusion {
  std::int32_t radius;
  std::int32_t reach;
  std::int32_t row_begin;  // of the rows that it makes
  std::int32_t row_end;
  std::int32_t sum_begin;  // of the rows that it sums
  std::int32_t sum_end;
  typename ForegroundSum<T>::Type* sums;  // of the columns, 8 lanes each, with zeros on both sides
  std::int32_t* seen;                     // the last row, no more than `reach` rows ahead, in which a block was mixed
  T* ring;                                // the rows that it has made
  std::int32_t ring_rows;
  std::ptrdiff_t ring_stride;

  T* row(std::int32_t y) const { return ring + ring_stride * (y % ring_rows); }

  // Looks at the row that comes within reach of row y; says which blocks are near a mixed one, and whether any is.
  bool look(const ForegroundStrip<T>& strip, std::int32_t first, std::int32_t last, std::int32_t y,
            std::uint8_t* near) const {
    const std::int32_t ahead = y + reach;
    if (ahead >= first && ahead < last) {
      const T* alpha = strip.alpha(ahead);
      for (std::int32_t x = strip.begin; x < strip.end; x += kForegroundBlock) {
        if (foreground_mixed(alpha + x, foreground_block(x, strip.end))) seen[x / kForegroundBlock] = ahead;
      }
    }
    if (y < row_begin || y >= row_end) return false;
    const std::int32_t blocks = (strip.job.width + kForegroundBlock - 1) / kForegroundBlock;
    const std::int32_t beside = (reach + kForegroundBlock - 1) / kForegroundBlock;
    bool any = false;
    for (std::int32_t b = 0; b < blocks; ++b) near[b] = 0;
    for (std::int32_t b = 0; b < blocks; ++b) {
      if (seen[b] < y - reach) continue;
      any = true;
      const std::int32_t upto = b + beside < blocks ? b + beside : blocks - 1;
      for (std::int32_t i = b > beside ? b - beside : 0; i <= upto; ++i) near[i] = 1;
    }
    return any;
  }

  // The box slides along the sums, and in the blocks that are near makes row y of it.
  void make(const ForegroundStrip<T>& strip, std::int32_t y, const std::uint8_t* near) const {
    const EstimateForeground& job = strip.job;
    const std::int32_t step = job.channels == 1 ? 0 : 1;
    const T* pixels = strip.src(y);
    const T* alpha = strip.alpha(y);
    T* made = row(y);
    ForegroundBox<T> box;
    for (std::int32_t x = 0; x < radius; ++x) box.slide(sums + 8 * x, sums - 8);
    for (std::int32_t begin = 0; begin < job.width; begin += kForegroundBlock) {
      const std::int32_t end = begin + foreground_block(begin, job.width);
      const bool wanted = near[begin / kForegroundBlock] != 0;
      for (std::int32_t x = begin; x < end; ++x) {
        box.slide(sums + 8 * (x + radius), sums + 8 * (x - radius - 1));
        if (wanted) box.fuse(pixels + x * job.channels, step, alpha[x], made + 8 * x);
      }
    }
  }
};

// Scratch, in this order: the columns' sums, the rings, a row of nothing, two rows of lanes, their weights, blocks.
template <typename T>
void foreground_walk(const ForegroundStrip<T>& strip, std::int32_t first, std::int32_t last, void* scratch) {
  using Sum = typename ForegroundSum<T>::Type;
  const EstimateForeground& job = strip.job;
  const std::int32_t blocks = (job.width + kForegroundBlock - 1) / kForegroundBlock;
  const std::ptrdiff_t padded = std::ptrdiff_t{blocks} * kForegroundBlock;

  ForegroundFusion<T> fusions[3];
  Sum* sums = static_cast<Sum*>(scratch);
  for (int i = 2, reach = 0; i >= 0; reach += job.radii[i--]) {
    ForegroundFusion<T>& fusion = fusions[i];
    fusion.radius = job.radii[i];
    fusion.reach = reach;
    fusion.row_begin = first > reach ? first - reach : 0;
    fusion.row_end = last + reach < job.height ? last + reach : job.height;
    fusion.sum_begin = fusion.row_begin > fusion.radius ? fusion.row_begin - fusion.radius : 0;
    fusion.sum_end = fusion.row_end + fusion.radius < job.height ? fusion.row_end + fusion.radius : job.height;
    fusion.sums = sums + 8 * (fusion.radius + 1);
    sums += 8 * (padded + 2 * fusion.radius + 1);
  }
  T* samples = reinterpret_cast<T*>(sums);
  for (int i = 0; i < 3; ++i) {
    fusions[i].ring = samples;
    fusions[i].ring_rows = i < 2 ? 2 * job.radii[i + 1] + 2 : 1;
    fusions[i].ring_stride = 8 * padded;
    samples += 8 * padded * fusions[i].ring_rows;
  }
  T* const nothing = samples;
  T* const lanes = nothing + 8 * padded;
  T* const weights = lanes + 16 * padded;
  std::int32_t* const seen = reinterpret_cast<std::int32_t*>(weights + 4 * padded);
  for (int i = 0; i < 3; ++i) fusions[i].seen = seen + i * blocks;
  std::uint8_t* const near = reinterpret_cast<std::uint8_t*>(seen + 3 * blocks);
  for (Sum* p = static_cast<Sum*>(scratch); p < sums; ++p) *p = 0;
  for (T* p = reinterpret_cast<T*>(sums); p < lanes; ++p) *p = 0;
  for (std::int32_t i = 0; i < 3 * blocks; ++i) seen[i] = -job.height - 2 * fusions[0].reach;

  // Row y of what fusion i sums, made in one of two places; nothing outside of its rows.
  const auto row_of = [&](int i, std::int32_t y, int place) {
    if (y < fusions[i].sum_begin || y >= fusions[i].sum_end) return ForegroundRow<T>{nothing, nothing, nothing};
    T* const front = weights + 2 * place * padded;
    T* const behind = front + padded;
    foreground_weights(strip.alpha(y), job.width, front, behind);
    if (i > 0) return ForegroundRow<T>{fusions[i - 1].row(y), front, behind};
    T* const to = lanes + 8 * place * padded;
    foreground_lanes(strip.src(y), job.channels, job.width, to);
    return ForegroundRow<T>{to, front, behind};
  };

  for (std::int32_t y = first - fusions[0].reach - 2 * fusions[0].radius; y < last + fusions[0].reach; ++y) {
    for (int i = 0; i < 3; ++i) {
      const ForegroundFusion<T>& fusion = fusions[i];
      const std::int32_t row = y - fusions[0].reach + fusion.reach;
      const std::int32_t entering = row + fusion.radius;
      if (entering >= fusion.sum_begin) {
        foreground_slide(row_of(i, entering, 0), row_of(i, row - fusion.radius - 1, 1), job.width, fusion.sums);
      }
      if (fusion.look(strip, first, last, row, near)) fusion.make(strip, row, near);
    }
    const std::int32_t done = y - fusions[0].reach;
    if (done >= first) strip.store(done, fusions[2].row(done));
  }
}

template <typename T>
void estimate_foreground_rows(const EstimateForeground& job, std::int32_t row_begin, std::int32_t row_end,
                              void* scratch) {
  const std::int32_t beside = foreground_beside(job);
  const std::int32_t apart = 2 * beside;  // rows without work between two walks, for the second to be worth its start
  for (std::int32_t x = 0; x < job.width; x += kForegroundStrip) {
    const std::int32_t begin = x > beside ? x - beside : 0;
    const std::int32_t upto = job.width - x < kForegroundStrip ? job.width : x + kForegroundStrip;
    const std::int32_t end = job.width - upto < beside ? job.width : upto + beside;
    ForegroundStrip<T> strip{job, x - begin, upto - begin};
    strip.job.src = strip.src(0) + static_cast<std::ptrdiff_t>(begin) * job.channels;
    strip.job.alpha = strip.alpha(0) + begin;
    strip.job.dst = strip.dst(0) + static_cast<std::ptrdiff_t>(begin) * 3;
    strip.job.width = end - begin;
    for (std::int32_t y = row_begin; y < row_end;) {
      if (!strip.mixed(y)) {
        strip.store(y++, nullptr);
        continue;
      }
      std::int32_t last = y + 1;
      for (std::int32_t row = last; row < row_end && row - last < apart; ++row) {
        if (strip.mixed(row)) last = row + 1;
      }
      foreground_walk(strip, y, last, scratch);
      y = last;
    }
  }
}

void estimate_foreground(const EstimateForeground& job, std::int32_t row_begin, std::int32_t row_end, void* scratch) {
  if (job.wide) {
    estimate_foreground_rows<std::uint16_t>(job, row_begin, row_end, scratch);
  } else {
    estimate_foreground_rows<std::uint8_t>(job, row_begin, row_end, scratch);
  }
}

}  // namespace
