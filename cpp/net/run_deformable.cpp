// A deformable convolution (Dai et al. 2017, arXiv:1703.06211; with modulators, Zhu et al. 2018, arXiv:1811.11168): each
// tap reads between pixels, at a place of its own for each output. A job takes some pixels all the way: it samples a few
// taps, multiplies, and goes on to the next taps, so that no sample leaves the second-level cache.
//
// Layouts, as those of the Winograd convolutions' products:
//   weights  [output block][tap][input block][16 c][16 k]
//   samples  [pixel group][tap][input block][12 pixels][16 c]
//   sums     [pixel group][output block][12 pixels][16 k]
// A 1x1 convolution behind it (BiRefNet joins several so, and adds them) reads the sums where they lie, as its inputs.
#include <algorithm>

#include "net/executor.hpp"

namespace rmbg::net {
namespace {

// One axis of a sampling point: the pixel at or before it, the one after it, and their weights.
struct Around {
  int low, high;
  float low_weight, high_weight;
};

Around around(float position, int size) {
  int low = static_cast<int>(position);
  if (position < static_cast<float>(low)) --low;
  const float weight = position - static_cast<float>(low);
  Around found{low, low + 1, 1.0f - weight, weight};
  if (low < 0) {
    found.low = 0;
    found.low_weight = 0.0f;
  }
  if (found.high >= size) {
    found.high = size - 1;
    found.high_weight = 0.0f;
  }
  return found;
}

// ONNX DeformConv: what lies a pixel or more outside of the map is 0, and so are pixels outside of it.
Neighbours neighbours(float y, float x, float modulator, const Shape& map) {
  if (!(y > -1.0f && x > -1.0f && y < static_cast<float>(map.height) && x < static_cast<float>(map.width))) return {};
  const Around row = around(y, map.height);
  const Around column = around(x, map.width);
  const int low = row.low * map.width;
  const int high = row.high * map.width;
  const float above = row.low_weight * modulator;
  const float below = row.high_weight * modulator;
  return {
      {low + column.low, low + column.high, high + column.low, high + column.high},
      {above * column.low_weight, above * column.high_weight, below * column.low_weight, below * column.high_weight}};
}

// A channel of the offsets or modulators, of the first image.
struct Channel {
  const float* data;
  std::ptrdiff_t image;  // floats between images
};

class DeformableRun {
 public:
  DeformableRun(const Kernels& kernels, const Step& step, const Cut& cut, const float* weights)
      : kernels_(kernels),
        window_(step.window),
        step_(step),
        cut_(cut),
        taps_(step.window.height * step.window.width),
        weights_(weights + step.weights),
        bias_(weights + step.bias),
        end_weights_(weights + step.end_weights),
        end_bias_(weights + step.end_bias) {}

  const float* source = nullptr;
  const float* residual = nullptr;
  bool residual_is_pixel = false;  // of one pixel, to be added to all
  float* output = nullptr;
  Shape in{}, out{};
  int input_blocks = 0, sum_blocks = 0, output_blocks = 0;  // without an end, sums are outputs
  std::vector<Channel> channels;  // offsets, y and x of each tap, then modulators, if there are any

  int pixels_a_job() const { return cut_.tile_groups * kTiles; }
  int jobs_an_image() const { return (out.height * out.width + pixels_a_job() - 1) / pixels_a_job(); }

  void run_job(int image, int first, float* scratch) const {
    const int count = std::min(pixels_a_job(), out.height * out.width - first);
    auto* const points = reinterpret_cast<Neighbours*>(scratch);
    float* const samples =
        scratch + cut_.pass * kTiles * static_cast<std::ptrdiff_t>(sizeof(Neighbours) / sizeof(float));
    float* const sums = samples + cut_.tile_groups * cut_.inputs * kRow;
    for (int tap = 0; tap < taps_; tap += cut_.pass) {
      const int taps = std::min(cut_.pass, taps_ - tap);
      const std::ptrdiff_t group = std::ptrdiff_t{taps} * input_blocks * kRow;
      for (int at = 0; at < count; at += kTiles) {
        const int pixels = std::min(kTiles, count - at);
        find_points(image, first + at, pixels, tap, taps, points);
        for (int t = 0; t < taps; ++t) {
          kernels_.gather(source + image * input_blocks * in_plane(), in_plane(), input_blocks, points + t * kTiles,
                          pixels, samples + at / kTiles * group + t * input_blocks * kRow, kRow);
        }
      }
      multiply(samples, sums, count, tap, taps);
    }
    if (step_.through > 0) {
      end(image, first, count, sums);
    } else {
      for (int k = 0; k < output_blocks; ++k) {
        finish(sums + k * kRow, sum_blocks, {bias_ + k * kBlock, step_.first, nullptr, {}}, image, k, first, count);
      }
    }
  }

 private:
  // The sums of block k of some pixels, as outputs.
  void finish(const float* sums, int blocks, const Finish& ending, int image, int k, int first, int count) const {
    const std::ptrdiff_t plane = (std::ptrdiff_t{image} * output_blocks + k) * out_plane();
    for (int at = 0; at < count; at += kTiles) {
      Finish here = ending;
      const std::ptrdiff_t pixel = plane + std::ptrdiff_t{first + at} * kBlock;
      if (here.residual) here.residual += pixel;
      kernels_.finish(sums + std::ptrdiff_t{at / kTiles} * blocks * kRow, here, output + pixel,
                      std::min(kTiles, count - at));
    }
  }

  // The 1x1 convolution of finished sums, which become its inputs.
  void end(int image, int first, int count, float* sums) const {
    for (int at = 0; at < count; at += kTiles) {
      for (int k = 0; k < sum_blocks; ++k) {
        float* const block = sums + (std::ptrdiff_t{at / kTiles} * sum_blocks + k) * kRow;
        kernels_.finish(block, {bias_ + k * kBlock, step_.first, nullptr, {}}, block, std::min(kTiles, count - at));
      }
    }
    float* const products = sums + cut_.tile_groups * sum_blocks * kRow;
    Multiply job{};
    job.inputs = sums;
    job.input_group = sum_blocks * kRow;
    job.input_block = kRow;
    job.weights = end_weights_;
    job.weight_block = kSquare;
    job.weight_output = sum_blocks * kSquare;
    job.products = products;
    job.product_group = output_blocks * kRow;
    job.product_output = kRow;
    job.tiles = count;
    job.blocks = sum_blocks;
    job.outputs = output_blocks;
    kernels_.multiply(job);
    for (int k = 0; k < output_blocks; ++k) {
      float bias[kBlock];
      std::copy_n(end_bias_ + k * kBlock, kBlock, bias);
      if (residual_is_pixel) {
        const float* const pixel = residual + (std::ptrdiff_t{image} * output_blocks + k) * kBlock;
        for (int lane = 0; lane < kBlock; ++lane) bias[lane] += pixel[lane];
      }
      // Without a residual the second clamp stands in the place of the first.
      const Finish finished = residual && !residual_is_pixel ? Finish{bias, {}, residual, step_.second}
                                                             : Finish{bias, step_.second, nullptr, {}};
      finish(products + k * kRow, output_blocks, finished, image, k, first, count);
    }
  }

  std::ptrdiff_t in_plane() const { return std::ptrdiff_t{in.height} * in.width * kBlock; }
  std::ptrdiff_t out_plane() const { return std::ptrdiff_t{out.height} * out.width * kBlock; }

  // Where `taps` taps from `tap` on of some output pixels read: [tap][12 pixels].
  void find_points(int image, int first, int pixels, int tap, int taps, Neighbours* points) const {
    const auto read = [&](int channel, int pixel) {
      const Channel& from = channels[static_cast<std::size_t>(channel)];
      return from.data[image * from.image + std::ptrdiff_t{pixel} * kBlock];
    };
    const bool modulated = channels.size() > 2 * static_cast<std::size_t>(taps_);
    for (int i = 0; i < pixels; ++i) {
      const int pixel = first + i;
      const int top = pixel / out.width * window_.stride_y - window_.top;
      const int left = pixel % out.width * window_.stride_x - window_.left;
      for (int t = 0; t < taps; ++t) {
        const int at = tap + t;
        const int row = at / window_.width, column = at % window_.width;
        const float y = static_cast<float>(top + row * window_.dilation_y) + read(2 * at, pixel);
        const float x = static_cast<float>(left + column * window_.dilation_x) + read(2 * at + 1, pixel);
        points[t * kTiles + i] = neighbours(y, x, modulated ? read(2 * taps_ + at, pixel) : 1.0f, in);
      }
    }
  }

  void multiply(const float* samples, float* sums, int count, int tap, int taps) const {
    Multiply job{};
    job.inputs = samples;
    job.input_group = std::ptrdiff_t{taps} * input_blocks * kRow;
    job.input_block = kRow;
    job.weights = weights_ + std::ptrdiff_t{tap} * input_blocks * kSquare;
    job.weight_block = kSquare;
    job.weight_output = std::ptrdiff_t{taps_} * input_blocks * kSquare;
    job.products = sums;
    job.product_group = sum_blocks * kRow;
    job.product_output = kRow;
    job.tiles = count;
    job.blocks = taps * input_blocks;
    job.outputs = sum_blocks;
    job.add = tap > 0;
    kernels_.multiply(job);
  }

  const Kernels& kernels_;
  const Window& window_;
  const Step& step_;
  const Cut& cut_;
  const int taps_;
  const float* const weights_;
  const float* const bias_;
  const float* const end_weights_;
  const float* const end_bias_;
};

}  // namespace

void Run::convolve_deformable(const Step& step, const Ready& ready) {
  DeformableRun work(kernels_, step, ready.cut, buffers_.weights);
  work.source = read(step.inputs[0]);
  work.output = write(step.output);
  work.in = allocation(step.inputs[0]).shape;
  work.out = allocation(step.output).shape;
  work.input_blocks = blocks_of(value(step.inputs[0]).channels);
  work.output_blocks = blocks_of(value(step.output).channels);
  work.sum_blocks = step.through > 0 ? blocks_of(step.through) : work.output_blocks;
  if (step.residual >= 0) {
    const Allocation& added = allocation(resolve(step.residual));
    work.residual_is_pixel = added.home == Home::view;
    work.residual = read(work.residual_is_pixel ? plan_.steps[added.at].inputs[0] : step.residual);
  }
  const std::ptrdiff_t plane = std::ptrdiff_t{work.out.height} * work.out.width * kBlock;
  for (std::size_t i = 1; i < step.inputs.size(); ++i) {
    const int channels = value(step.inputs[i]).channels;
    for (int c = 0; c < channels; ++c) {
      work.channels.push_back({read(step.inputs[i]) + c / kBlock * plane + c % kBlock, blocks_of(channels) * plane});
    }
  }
  const auto jobs = static_cast<std::size_t>(work.jobs_an_image());
  share(static_cast<std::size_t>(work.out.batch) * jobs, [&](std::size_t index, std::size_t worker) {
    work.run_job(static_cast<int>(index / jobs), static_cast<int>(index % jobs) * work.pixels_a_job(),
                 scratch<float>(worker));
  });
}

}  // namespace rmbg::net
