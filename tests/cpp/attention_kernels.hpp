// Attention in windows: its kernels by themselves as network_kernels.hpp, and the whole against its definition.
#pragma once

#include <cmath>
#include <thread>
#include <vector>

#include "net/attention.hpp"
#include "network_regions.hpp"

namespace rmbg::net {

inline void check_attention_kernels(Random& random) {
  const int blocks = random.between(1, 4), tokens = random.between(1, kTiles);
  const Floats in = odd_floats(random, blocks * kBlock), bias = odd_floats(random, blocks * kBlock);
  const std::ptrdiff_t out_block = kBlock * random.between(1, 20);
  compare_kernel(
      random, text("token", {{"blocks", blocks}}), Region{1, 0, 1, 0, blocks, out_block, kBlock},
      [&](const Kernels& tier, float* out) { tier.token(in.data(), bias.data(), 0.3f, blocks, out, out_block); });

  const Floats others = odd_floats(random, std::ptrdiff_t{kBlock} * blocks * kBlock);
  std::vector<const float*> sixteen;
  for (int i = 0; i < kBlock; ++i) sixteen.push_back(others.data() + random.between(0, kBlock - 1) * blocks * kBlock);
  compare_kernel(random, text("keys", {{"blocks", blocks}}), line(std::ptrdiff_t{blocks} * kBlock, kBlock),
                 [&](const Kernels& tier, float* out) { tier.keys(sixteen.data(), bias.data(), blocks, out); });

  const std::ptrdiff_t width = std::ptrdiff_t{blocks} * kBlock;
  const Floats scores = random.floats(blocks * kRow, random.one_in(2) ? 1.0f : 60.0f);
  Floats added = random.floats(tokens * width), mask = random.floats(width, 0.0f);
  constexpr float inf = std::numeric_limits<float>::infinity();
  for (std::ptrdiff_t i = 1; i < width; ++i) {
    if (random.one_in(3)) mask[std::size_t(i)] = random.one_in(2) ? -inf : -100.0f;
    if (random.one_in(9)) added[std::size_t(i)] = -inf;
  }
  std::vector<const float*> masks(std::size_t(tokens), mask.data());
  const bool masked = random.one_in(2);
  // Scores of the tokens, then the room that one buffer holds for both results: scores, and inverse behind them.
  std::vector<bool> may_change(std::size_t(blocks * kRow + tokens), false);
  for (int block = 0; block < blocks; ++block) {
    std::fill_n(may_change.begin() + block * kRow, tokens * kBlock, true);
  }
  std::fill_n(may_change.begin() + blocks * kRow, tokens, true);
  compare_kernel(
      random, text("softmax", {{"blocks", blocks}, {"tokens", tokens}, {"masked", masked}}), may_change,
      [&](const Kernels& tier, float* out) {
        for (int block = 0; block < blocks; ++block)
          std::copy_n(scores.data() + block * kRow, tokens * kBlock, out + block * kRow);
        tier.softmax({out, blocks, tokens, added.data(), masked ? masks.data() : nullptr, out + blocks * kRow});
      });
}

// By the definition, token by token, in double.
inline std::vector<double> plain_attention(const Windows& w, int images, const AttentionBuffers& from) {
  const int side = w.window, channels = w.heads * w.depth, places = side * side;
  const int rows = (w.height + side - 1) / side * side, columns = (w.width + side - 1) / side * side;
  const int width = (places + kBlock - 1) / kBlock * kBlock;
  std::vector<double> out(std::size_t(images) * tokens_of(w) * std::size_t(channels));
  const auto rolled = [](int at, int shift, int size) { return (at - shift % size + size) % size; };
  for (int image = 0; image < images; ++image) {
    const auto value = [&](int y, int x, int part, int channel) {
      const int column = part * channels + channel;
      const double bias = from.qkv_bias[column];
      if (y >= w.height || x >= w.width) return bias;
      const std::size_t token =
          std::size_t(image) * tokens_of(w) + std::size_t(y) * std::size_t(w.width) + std::size_t(x);
      return double(from.qkv[token * 3 * std::size_t(channels) + std::size_t(column)]) + bias;
    };
    for (int y = 0; y < w.height; ++y) {
      for (int x = 0; x < w.width; ++x) {
        const int at_y = rolled(y, w.shift, rows), at_x = rolled(x, w.shift, columns);
        const int place = at_y % side * side + at_x % side;
        for (int head = 0; head < w.heads; ++head) {
          std::vector<double> scores(static_cast<std::size_t>(places));
          double most = -1e300, sum = 0;
          for (int other = 0; other < places; ++other) {
            const int oy = at_y / side * side + other / side, ox = at_x / side * side + other % side;
            const int from_y = (oy + w.shift) % rows, from_x = (ox + w.shift) % columns;
            double score = 0;
            for (int d = 0; d < w.depth; ++d)
              score += value(y, x, 0, head * w.depth + d) * value(from_y, from_x, 1, head * w.depth + d);
            score =
                score * double(w.scale) + double(from.bias[(std::ptrdiff_t{head} * places + place) * width + other]);
            const bool apart = (oy >= rows - w.shift) != (at_y >= rows - w.shift) ||
                               (ox >= columns - w.shift) != (at_x >= columns - w.shift);
            if (apart && w.mask != 0) score += double(w.mask);
            scores[std::size_t(other)] = score;
            most = std::max(most, score);
          }
          for (double& score : scores) sum += score = std::exp(score - most);
          for (int d = 0; d < w.depth; ++d) {
            double gathered = 0;
            for (int other = 0; other < places; ++other) {
              const int oy = at_y / side * side + other / side, ox = at_x / side * side + other % side;
              gathered += scores[std::size_t(other)] *
                          value((oy + w.shift) % rows, (ox + w.shift) % columns, 2, head * w.depth + d);
            }
            const std::size_t token =
                std::size_t(image) * tokens_of(w) + std::size_t(y) * std::size_t(w.width) + std::size_t(x);
            out[token * std::size_t(channels) + std::size_t(head * w.depth + d)] = gathered / sum;
          }
        }
      }
    }
  }
  return out;
}

inline void on_own_threads(void*, void (*work)(void*, std::size_t), void* data, std::size_t count) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i) threads.emplace_back(work, data, i);
  for (std::thread& thread : threads) thread.join();
}

inline void check_attention(Random& random) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  Windows w{};
  w.window = random.between(1, 7);
  w.height = random.between(1, 15);
  w.width = random.between(1, 15);
  w.shift = random.one_in(3) ? 0 : random.between(0, w.window - 1);
  w.heads = random.between(1, 3);
  w.depth = kBlock * random.between(1, 2);
  w.scale = 0.25f;
  w.mask = random.pick({-inf, -100.0f, 0.0f});
  const int images = random.between(1, 2);
  const std::size_t channels = channels_of(w), tokens = std::size_t(images) * tokens_of(w);
  const Floats qkv = random.floats(std::ptrdiff_t(tokens * 3 * channels), 2.0f);
  const Floats qkv_bias = random.floats(std::ptrdiff_t(3 * channels), 2.0f);
  Floats bias = random.floats(std::ptrdiff_t(bias_floats(w)), 2.0f);
  const std::size_t places = std::size_t(w.window) * std::size_t(w.window),
                    width = bias.size() / places / std::size_t(w.heads);
  for (std::size_t i = 0; i < bias.size(); ++i) {
    if (i % width >= places) bias[i] = -inf;
  }
  constexpr std::size_t guard = 32;
  const Floats before = random.floats(std::ptrdiff_t(tokens * channels + 2 * guard));
  const std::string job = text("attention", {{"height", w.height},
                                             {"width", w.width},
                                             {"window", w.window},
                                             {"shift", w.shift},
                                             {"heads", w.heads},
                                             {"mask", double(w.mask)}});
  Floats first;
  for (const Kernels* tier : tiers_here()) {
    for (const int threads : {1, 3}) {
      Floats got = before;
      Floats scratch(attention_scratch(w) * std::size_t(threads), std::nanf(""));
      const AttentionBuffers buffers{qkv.data(), qkv_bias.data(), bias.data(), got.data() + guard, scratch.data()};
      if (!attend(w, images, buffers, *tier, {nullptr, &on_own_threads, threads})) fail(job, "was cancelled");
      if (first.empty()) {
        first = got;
        const std::vector<double> expected = plain_attention(w, images, buffers);
        for (std::size_t i = 0; i < expected.size(); ++i) {
          const double apart = std::abs(double(got[guard + i]) - expected[i]);
          if (!(apart < 2e-5)) fail(job, text("error", {{"at", double(i)}, {"of", apart}}));
        }
        for (std::size_t i = 0; i < guard; ++i) {
          if (!same(got[i], before[i]) || !same(got[got.size() - 1 - i], before[got.size() - 1 - i]))
            fail(job, "writes outside");
        }
      }
      expect_same(tier->name + (", " + job), got, first);
    }
  }
}

}  // namespace rmbg::net
