// Linear layers of tokens: their kernels by themselves as network_kernels.hpp, and the whole against its definition.
#pragma once

#include <cmath>
#include <vector>

#include "attention_kernels.hpp"
#include "net/linear_layers.hpp"
#include "network_regions.hpp"

namespace rmbg::net {

inline void check_linear_kernels(Random& random) {
  const int blocks = random.between(1, 7), count = random.between(1, kTiles);
  const std::ptrdiff_t channels = std::ptrdiff_t{blocks} * kBlock;
  const Floats in = odd_floats(random, channels), scale = random.floats(channels), shift = random.floats(channels);
  const std::ptrdiff_t out_block = kBlock * random.between(1, 13);
  const float epsilon = random.pick({0.0f, 1e-5f, 1.0f});
  compare_kernel(random, text("normalize", {{"blocks", blocks}, {"epsilon", double(epsilon)}}),
                 Region{1, 0, 1, 0, blocks, out_block, kBlock}, [&](const Kernels& tier, float* out) {
                   tier.normalize({in.data(), scale.data(), shift.data(), epsilon, blocks, out, out_block});
                 });

  Floats sums = odd_floats(random, count * kBlock);
  const float reach = random.pick({1.0f, 4.0f, 30.0f});
  for (float& value : sums) value *= reach;
  const Floats bias = odd_floats(random, kBlock);
  compare_kernel(random, text("gelu", {{"count", count}}), line(count, kBlock), [&](const Kernels& tier, float* out) {
    std::copy(sums.begin(), sums.end(), out);
    tier.gelu(out, bias.data(), count);
  });

  const std::ptrdiff_t token = kBlock * random.between(1, 9);
  const Region tokens{1, 0, 1, 0, count, token, kBlock};
  const Floats residual = odd_floats(random, tokens.size());
  const bool added = random.one_in(2);
  compare_kernel(random, text("spread", {{"count", count}, {"residual", added}}), tokens,
                 [&](const Kernels& tier, float* out) {
                   tier.spread({sums.data(), bias.data(), added ? residual.data() : nullptr, out, token, count});
                 });
}

inline double plain_gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }

// GELU against its definition, on all of the line where it is neither 0 nor x.
inline void check_gelu() {
  const Floats bias(kBlock, 0.0f);
  for (float x = -8.0f; x < 8.0f; x += 0x1p-9f) {
    Floats values(kBlock, x);
    reference().gelu(values.data(), bias.data(), 1);
    const double apart = std::abs(double(values[0]) - plain_gelu(double(x)));
    if (!(apart <= 2e-7 * std::max(1.0, std::abs(double(x))))) fail("gelu", text("error", {{"x", x}, {"of", apart}}));
  }
}

// By the definition, token by token, in double.
inline std::vector<double> plain_layers(const LinearLayers& layers, std::size_t tokens, const LinearBuffers& from) {
  std::vector<double> all;
  for (std::size_t t = 0; t < tokens; ++t) {
    const float* const in = from.in + t * std::size_t(layers.inputs);
    std::vector<double> x(in, in + layers.inputs);
    const float* weights = from.weights;
    if (layers.norm) {
      double mean = 0, variance = 0;
      for (const double value : x) mean += value / layers.inputs;
      for (const double value : x) variance += (value - mean) * (value - mean) / layers.inputs;
      for (std::size_t c = 0; c < x.size(); ++c)
        x[c] = (x[c] - mean) / std::sqrt(variance + double(layers.epsilon)) * double(weights[c]) +
               double(weights[x.size() + c]);
      weights += 2 * x.size();
    }
    const auto apply = [&](int outputs) {
      std::vector<double> y(static_cast<std::size_t>(outputs));
      for (std::size_t k = 0; k < y.size(); ++k) {
        const float* const column = weights + k / kBlock * (x.size() + 1) * kBlock + k % kBlock;
        y[k] = double(column[x.size() * kBlock]);
        for (std::size_t c = 0; c < x.size(); ++c) y[k] += x[c] * double(column[c * kBlock]);
      }
      weights += (x.size() + 1) * y.size();
      x = y;
    };
    if (layers.hidden > 0) {
      apply(layers.hidden);
      for (double& value : x) value = plain_gelu(value);
    }
    apply(layers.outputs);
    for (std::size_t k = 0; k < x.size(); ++k)
      all.push_back(x[k] + (from.residual ? double(from.residual[t * x.size() + k]) : 0.0));
  }
  return all;
}

inline void check_linear_layers(Random& random) {
  LinearLayers layers{};
  layers.inputs = kBlock * random.between(1, 15);
  layers.hidden = random.one_in(2) ? 0 : kBlock * random.between(1, 50);
  layers.outputs = kBlock * random.between(1, 30);
  layers.norm = random.one_in(2);
  layers.epsilon = 1e-5f;
  const auto tokens = std::size_t(random.between(0, 40));
  const std::size_t floats = tokens * std::size_t(layers.outputs);
  const Floats in = random.floats(std::ptrdiff_t(tokens) * layers.inputs);
  const Floats weights = random.floats(std::ptrdiff_t(weight_floats(layers)), 0.2f);
  const Floats residual = random.floats(std::ptrdiff_t(floats));
  const bool added = random.one_in(2);
  constexpr std::size_t guard = 32;
  const Floats before = random.floats(std::ptrdiff_t(floats + 2 * guard));
  const std::string job = text("linear layers", {{"inputs", layers.inputs},
                                                 {"hidden", layers.hidden},
                                                 {"outputs", layers.outputs},
                                                 {"norm", layers.norm},
                                                 {"residual", added},
                                                 {"tokens", double(tokens)}});
  Floats first;
  for (const Kernels* tier : tiers_here()) {
    for (const int threads : {1, 3}) {
      LinearCut cut = cut_of(layers, tokens, {threads, std::size_t(random.pick({1 << 14, 1 << 18, 1 << 20}))});
      if (random.one_in(2)) cut = {std::size_t(kTiles * random.between(1, 4)), random.between(1, 30)};
      Floats got = before;
      Floats scratch(linear_scratch(layers, cut) * std::size_t(threads), std::nanf(""));
      const LinearBuffers buffers{in.data(), weights.data(), added ? residual.data() : nullptr, got.data() + guard,
                                  scratch.data()};
      if (!run_linear_layers(layers, tokens, cut, buffers, *tier, {nullptr, &on_own_threads, threads}))
        fail(job, "was cancelled");
      if (first.empty()) {
        first = got;
        const std::vector<double> expected = plain_layers(layers, tokens, buffers);
        for (std::size_t i = 0; i < expected.size(); ++i) {
          const double apart = std::abs(double(got[guard + i]) - expected[i]);
          if (!(apart < 2e-5 * std::max(1.0, std::abs(expected[i]))))
            fail(job, text("error", {{"at", double(i)}, {"of", apart}}));
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
