// A job is a tile of tokens, as many as fit into the second-level cache with what the layers make of them. It goes through
// the weights from the first to the last: through 32 outputs at a time, and 192 inputs of these, which stay in the
// first-level cache while all tokens of the tile pass.
//
// Layouts, as those of a convolution's products:
//   inputs   [group of 12 tokens][block of inputs][token][16]
//   hidden   [group of 12 tokens][block of the chunk][token][16]
//   sums     [group of 12 tokens][block of outputs][token][16]
#include "net/linear_layers.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/error.hpp"
#include "core/stop.hpp"

namespace rmbg::net {
namespace {

constexpr int kDepth = 12;          // blocks of inputs of a multiplication
constexpr int kChunk = 2 * kDepth;  // at most
constexpr std::size_t kMostTokens = 240;

std::size_t up(std::size_t count, std::size_t part) { return (count + part - 1) / part; }

// Of one layer, and its biases.
struct Matrix {
  const float* weights;
  int inputs, outputs;  // blocks

  std::ptrdiff_t stride() const { return inputs * kSquare + kBlock; }  // floats of a block of outputs
  const float* at(int output, int input) const { return weights + output * stride() + input * kSquare; }
  const float* bias(int output) const { return at(output, inputs); }
  const float* end() const { return at(outputs, 0); }
};

// Floats that a job has of a token.
std::size_t floats_of_token(const LinearLayers& layers, int chunk) {
  const int sums = layers.hidden > 0 ? layers.outputs : 0;
  return static_cast<std::size_t>(layers.inputs) + static_cast<std::size_t>(chunk) * kBlock +
         static_cast<std::size_t>(sums);
}

class Job {
 public:
  Job(const LinearLayers& layers, const LinearCut& cut, const LinearBuffers& buffers, const Kernels& kernels,
      float* scratch)
      : layers_(layers),
        chunk_(cut.chunk),
        buffers_(buffers),
        kernels_(kernels),
        inputs_(scratch),
        hidden_(inputs_ + cut.tokens * static_cast<std::size_t>(layers.inputs)),
        sums_(hidden_ + cut.tokens * static_cast<std::size_t>(cut.chunk * kBlock)) {}

  void run(std::size_t first, int count) {
    first_ = first;
    count_ = count;
    const float* weights = buffers_.weights + (layers_.norm ? 2 * layers_.inputs : 0);
    const int blocks = layers_.inputs / kBlock, outputs = layers_.outputs / kBlock;
    load();
    if (layers_.hidden == 0) {
      const Matrix matrix{weights, blocks, outputs};
      for (int k = 0; k < outputs; k += chunk_) {
        const int part = std::min(chunk_, outputs - k);
        multiply(matrix, 0, inputs_, blocks, k, part, hidden_, false);
        store(matrix, hidden_, k, part);
      }
      return;
    }
    const int between = layers_.hidden / kBlock;
    const Matrix matrix{weights, blocks, between}, second{matrix.end(), between, outputs};
    for (int k = 0; k < between; k += chunk_) {
      const int part = std::min(chunk_, between - k);
      multiply(matrix, 0, inputs_, blocks, k, part, hidden_, false);
      for (int group = 0; group * kTiles < count_; ++group) {
        for (int i = 0; i < part; ++i)
          kernels_.gelu(hidden_ + (group * part + i) * kRow, matrix.bias(k + i), in_group(group));
      }
      multiply(second, k, hidden_, part, 0, outputs, sums_, k > 0);
    }
    store(second, sums_, 0, outputs);
  }

 private:
  int in_group(int group) const { return std::min(kTiles, count_ - group * kTiles); }

  void load() {
    const std::ptrdiff_t inputs = layers_.inputs;
    const float* in = buffers_.in + static_cast<std::ptrdiff_t>(first_) * inputs;
    for (int i = 0; i < count_; ++i, in += inputs) {
      float* const to = inputs_ + i / kTiles * (kTiles * inputs) + i % kTiles * kBlock;
      if (layers_.norm) {
        const float* const scale = buffers_.weights;
        kernels_.normalize({in, scale, scale + inputs, layers_.epsilon, layers_.inputs / kBlock, to, kRow});
      } else {
        for (std::ptrdiff_t c = 0; c < inputs; c += kBlock) std::copy_n(in + c, kBlock, to + c / kBlock * kRow);
      }
    }
  }

  // products[group][output][token][16] (+)= inputs[group][block][token][16] times the weights of so many blocks of outputs,
  // and of inputs, of the matrix.
  void multiply(const Matrix& matrix, int first_input, const float* inputs, int blocks, int first_output, int outputs,
                float* products, bool add) {
    Multiply product{};
    product.input_group = blocks * kRow;
    product.input_block = kRow;
    product.weight_block = kSquare;
    product.weight_output = matrix.stride();
    product.product_group = outputs * kRow;
    product.product_output = kRow;
    product.tiles = count_;
    for (int k = 0; k < outputs; k += 2) {
      product.outputs = std::min(2, outputs - k);
      product.products = products + k * kRow;
      for (int block = 0; block < blocks; block += kDepth) {
        product.inputs = inputs + block * kRow;
        product.weights = matrix.at(first_output + k, first_input + block);
        product.blocks = std::min(kDepth, blocks - block);
        product.add = add || block > 0;
        kernels_.multiply(product);
      }
    }
  }

  void store(const Matrix& matrix, const float* sums, int first_output, int outputs) {
    const std::ptrdiff_t channels = layers_.outputs;
    for (int group = 0; group * kTiles < count_; ++group) {
      const std::ptrdiff_t token = static_cast<std::ptrdiff_t>(first_) + group * kTiles;
      for (int k = 0; k < outputs; ++k) {
        const std::ptrdiff_t at = token * channels + (first_output + k) * kBlock;
        kernels_.spread({sums + (group * outputs + k) * kRow, matrix.bias(first_output + k),
                         buffers_.residual ? buffers_.residual + at : nullptr, buffers_.out + at, channels,
                         in_group(group)});
      }
    }
  }

  const LinearLayers& layers_;
  const int chunk_;
  const LinearBuffers& buffers_;
  const Kernels& kernels_;
  float* const inputs_;
  float* const hidden_;
  float* const sums_;
  std::size_t first_ = 0;
  int count_ = 0;
};

void check(bool good) {
  if (!good) fail(ErrorKind::model, "the prepared network is damaged (linear layers)");
}

}  // namespace

LinearLayers decode_linear_layers(const std::int64_t* numbers, std::size_t count) {
  check(count == 6 && numbers[0] == kLinearLayersVersion);
  constexpr std::int64_t most = 1 << 15;
  for (int i = 1; i < 4; ++i) check(numbers[i] >= (i == 2 ? 0 : 1) && numbers[i] <= most && numbers[i] % kBlock == 0);
  check(numbers[4] == 0 || numbers[4] == 1);
  const auto number = [&](int i) { return static_cast<int>(numbers[i]); };
  const LinearLayers layers{number(1), number(2), number(3), numbers[4] == 1,
                            static_cast<float>(std::bit_cast<double>(numbers[5]))};
  check(std::isfinite(layers.epsilon) && layers.epsilon >= 0);
  return layers;
}

std::size_t weight_floats(const LinearLayers& layers) {
  const auto inputs = static_cast<std::size_t>(layers.inputs), hidden = static_cast<std::size_t>(layers.hidden),
             outputs = static_cast<std::size_t>(layers.outputs);
  const std::size_t matrices = hidden > 0 ? (inputs + 1) * hidden + (hidden + 1) * outputs : (inputs + 1) * outputs;
  return matrices + (layers.norm ? 2 * inputs : 0);
}

LinearCut cut_of(const LinearLayers& layers, std::size_t tokens, const Machine& machine) {
  const int chunk = std::min(kChunk, (layers.hidden > 0 ? layers.hidden : layers.outputs) / kBlock);
  const std::size_t room = machine.cache / sizeof(float) / 8 * 7;
  const std::size_t fit = std::clamp<std::size_t>(room / floats_of_token(layers, chunk), 1, kMostTokens);
  // The same number of jobs for each thread.
  const auto workers = static_cast<std::size_t>(machine.threads);
  const std::size_t jobs = std::max<std::size_t>(up(up(tokens, fit), workers), 1) * workers;
  return {std::max<std::size_t>(up(up(tokens, jobs), kTiles), 1) * kTiles, chunk};
}

std::size_t linear_scratch(const LinearLayers& layers, const LinearCut& cut) {
  return cut.tokens * floats_of_token(layers, cut.chunk);
}

bool run_linear_layers(const LinearLayers& layers, std::size_t tokens, const LinearCut& cut,
                       const LinearBuffers& buffers, const Kernels& kernels, const Parallel& parallel) {
  check_stop();
  const std::size_t scratch = linear_scratch(layers, cut);
  share(parallel, up(tokens, cut.tokens), [&](std::size_t index, std::size_t worker) {
    const std::size_t first = index * cut.tokens;
    Job job(layers, cut, buffers, kernels, buffers.scratch + worker * scratch);
    job.run(first, static_cast<int>(std::min(cut.tokens, tokens - first)));
  });
  return !parallel.is_cancelled();
}

}  // namespace rmbg::net
