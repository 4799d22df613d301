#include "net/schedule.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "core/error.hpp"
#include "net/arena.hpp"
#include "net/cost.hpp"
#include "net/sampling.hpp"

namespace rmbg::net {
namespace {

constexpr int kLargestSide = 1 << 20;
constexpr std::size_t kLargeMap = std::size_t{1} << 22;  // floats
constexpr std::size_t kLine = 16;                        // floats of a cache line: where values begin

[[noreturn]] void refuse_sizes(const std::string& what) {
  fail(ErrorKind::inference, "the model failed to run: " + what);
}

int side(std::int64_t size) {
  if (size < 1 || size > kLargestSide) refuse_sizes("a tensor comes to a side of " + std::to_string(size) + " pixels");
  return static_cast<int>(size);
}

int slid(int size, int before, int after, int window, int dilation, int stride, bool ceil) {
  const std::int64_t room =
      std::int64_t{size} + before + after - (std::int64_t{dilation} * (window - 1) + 1) + (ceil ? stride - 1 : 0);
  std::int64_t count = room < 0 ? 0 : room / stride + 1;
  if (ceil && (count - 1) * stride >= std::int64_t{size} + before) --count;  // no window wholly in the padding
  return side(count);
}

class Scheduler {
 public:
  Scheduler(const Plan& plan, const Machine& machine) : plan_(plan), machine_(machine) {}

  Schedule make(const std::vector<Shape>& inputs) {
    if (inputs.size() != plan_.inputs.size()) refuse_sizes("it was given another number of tensors than it takes");
    result_.inputs = inputs;
    result_.values.resize(plan_.values.size());
    result_.steps.resize(plan_.steps.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Shape& shape = inputs[i];
      at(plan_.inputs[i]) = {{side(shape.batch), side(shape.height), side(shape.width)}, Home::input, i};
    }
    for (std::size_t i = 0; i < plan_.outputs.size(); ++i) at(plan_.outputs[i]) = {{}, Home::output, i};
    for (std::size_t s = 0; s < plan_.steps.size(); ++s) {
      set_shape(plan_.steps[s]);
      choose(plan_.steps[s], result_.steps[s]);
    }
    for (std::size_t s = 0; s < plan_.steps.size(); ++s) simplify(s);
    place_values(plan_, machine_, result_);
    return std::move(result_);
  }

 private:
  Allocation& at(int value) { return result_.values[static_cast<std::size_t>(value)]; }
  const Value& value(int index) const { return plan_.values[static_cast<std::size_t>(index)]; }

  void set_shape(const Step& step) {
    const Shape in = at(step.inputs[0]).shape;
    Shape& out = at(step.output).shape;
    out = in;
    const Window& w = step.window;
    switch (step.kind) {
      case StepKind::convolution:
        same_shapes(step);
        out.height = slid(in.height, w.top, w.bottom, w.height, w.dilation_y, w.stride_y, false);
        out.width = slid(in.width, w.left, w.right, w.width, w.dilation_x, w.stride_x, false);
        if (step.edges && std::min(out.height, out.width) < 2) refuse_sizes("a tensor comes to a side of one pixel");
        break;
      case StepKind::deformable:
        out.height = slid(in.height, w.top, w.bottom, w.height, w.dilation_y, w.stride_y, false);
        out.width = slid(in.width, w.left, w.right, w.width, w.dilation_x, w.stride_x, false);
        for (std::size_t i = 1; i < step.inputs.size(); ++i) {
          if (at(step.inputs[i]).shape != out) refuse_sizes("offsets differ in size from what they are for");
        }
        few_pixels(in);
        few_pixels(out);
        break;
      case StepKind::mean:
        out.height = out.width = 1;
        break;
      case StepKind::max_pool:
        out.height = slid(in.height, w.top, w.bottom, w.height, 1, w.stride_y, step.ceil);
        out.width = slid(in.width, w.left, w.right, w.width, 1, w.stride_x, step.ceil);
        break;
      case StepKind::resize: {
        const Resize& r = step.resize;
        out.height = r.height > 0 ? r.height : side(static_cast<std::int64_t>(in.height * r.scale_y));
        out.width = r.width > 0 ? r.width : side(static_cast<std::int64_t>(in.width * r.scale_x));
        break;
      }
      default:
        same_shapes(step);
    }
    if (step.residual >= 0 && at(step.residual).shape != out) refuse_sizes("two tensors to add differ in size");
    // Beyond this an index into the value could overflow.
    const double floats = double{1} * out.batch * padded(value(step.output)) * out.height * out.width;
    if (floats > 1e11) refuse_sizes("a tensor would be too large");
  }

  // No more than a std::int32_t counts.
  static void few_pixels(const Shape& map) {
    if (double{1} * map.height * map.width > std::numeric_limits<std::int32_t>::max())
      refuse_sizes("a tensor would be too large");
  }

  void same_shapes(const Step& step) {
    for (const int input : step.inputs) {
      if (at(input).shape != at(step.inputs[0]).shape) refuse_sizes("two tensors to join differ in size");
    }
  }

  void choose(const Step& step, Ready& ready) {
    const Shape in = at(step.inputs[0]).shape;
    const Shape out = at(step.output).shape;
    switch (step.kind) {
      case StepKind::convolution:
        choose_convolution(step, ready);
        break;
      case StepKind::max_pool:
        ready.algorithm = Algorithm::max_pool;
        break;
      case StepKind::resize: {
        const Resize& r = step.resize;
        ready.algorithm = Algorithm::resize;
        need_scratch(static_cast<std::size_t>(std::max(in.width, 2 * kBlock * out.width)));  // rows half resized
        ready.rows = lerps(in.height, out.height, r.scale_y, r.coordinates, r.interpolation);
        ready.columns = lerps(in.width, out.width, r.scale_x, r.coordinates, r.interpolation);
        break;
      }
      case StepKind::add:
        ready.algorithm = Algorithm::add;
        break;
      case StepKind::pack:
        ready.algorithm = Algorithm::pack;
        break;
      case StepKind::unpack:
        ready.algorithm = Algorithm::unpack;
        break;
      case StepKind::deformable:
        ready.algorithm = Algorithm::deformable;
        ready.cut = cut_for_deformable(deformable_of(step), machine_);
        need_scratch(scratch_floats(ready.cut, deformable_of(step)));
        break;
      case StepKind::sigmoid:
        ready.algorithm = Algorithm::sigmoid;
        break;
      case StepKind::gate:
        ready.algorithm = Algorithm::gate;
        break;
      case StepKind::mean:
        ready.algorithm = Algorithm::mean;
        need_scratch(static_cast<std::size_t>(in.height) * kBlock);  // the sums of rows
        break;
    }
  }

  DeformableWorkload deformable_of(const Step& step) {
    const Shape out = at(step.output).shape;
    const int made = blocks_of(value(step.output).channels);
    return {out.batch,
            out.height * out.width,
            blocks_of(value(step.inputs[0]).channels),
            step.through > 0 ? blocks_of(step.through) : made,
            step.through > 0 ? made : 0,
            step.window.height * step.window.width};
  }

  void choose_convolution(const Step& step, Ready& ready) {
    const Window& w = step.window;
    const Shape in = at(step.inputs[0]).shape;
    const Shape out = at(step.output).shape;
    Workload job{};
    bool blocked = true;
    for (const int input : step.inputs) {
      job.input_blocks += blocks_of(value(input).channels);
      blocked = blocked && value(input).layout == Layout::blocked;
    }
    job.output_blocks = blocks_of(value(step.output).channels);
    job.images = out.batch;
    job.height = out.height;
    job.width = out.width;
    job.dilation = w.dilation_y;
    job.window = w.height;
    if (sums_dots(plan_, step)) {
      ready.algorithm = Algorithm::dot;
    } else if (blocked && !step.edges && (w.height == 3 || w.height == 7) && w.width == w.height && w.stride_y == 1 &&
               w.stride_x == 1 && w.dilation_x == w.dilation_y) {
      job.seen_taps = seen(in.height, out.height, w.top, 1, w.dilation_y, w.height) *
                      seen(in.width, out.width, w.left, 1, w.dilation_x, w.width);
      const Choice choice = cheapest(job);
      ready.algorithm = choice.winograd ? Algorithm::winograd : Algorithm::direct;
      ready.winograd = choice.variant;
      if (choice.winograd) ready.cut = cut_for(job, choice.variant, machine_);
    } else {
      ready.algorithm = Algorithm::direct;
      const bool one_tap =
          w.height == 1 && w.width == 1 && w.stride_y == 1 && w.stride_x == 1 && w.top == 0 && w.left == 0 && in == out;
      if (blocked && one_tap && job.input_blocks >= kPackedInputs) ready.cut = cut_for_pixels(job, machine_);
    }
    if (ready.algorithm == Algorithm::winograd) {
      ready.tiles = tiles(job, kTileSide[ready.winograd]);
      need_scratch(scratch_floats(ready.cut, ready.winograd));
    } else if (ready.cut.tile_groups > 0) {
      need_scratch(pixel_floats(ready.cut));
    } else {
      need_scratch(whole_lines(step.inputs.size() * sizeof(Span) / sizeof(float)) + kRow);
      ready.segments = segments(in.width, out.width, w, step.edges);
    }
  }

  void need_scratch(std::size_t floats) { result_.scratch = std::max(result_.scratch, whole_lines(floats)); }
  static std::size_t whole_lines(std::size_t floats) { return (floats + kLine - 1) / kLine * kLine; }

  // The taps of all outputs along one axis that lie inside the input.
  static double seen(int size, int outputs, int before, int stride, int dilation, int window) {
    double count = 0;
    for (int i = 0; i < outputs; ++i) {
      for (int k = 0; k < window; ++k) {
        const int from = i * stride + k * dilation - before;
        count += from >= 0 && from < size;
      }
    }
    return count;
  }

  static std::vector<Tile> tiles(const Workload& job, int side) {
    std::vector<Tile> all;
    const int step = side * job.dilation;
    for (int image = 0; image < job.images; ++image) {
      for (int phase_y = 0; phase_y < std::min(job.dilation, job.height); ++phase_y) {
        for (int phase_x = 0; phase_x < std::min(job.dilation, job.width); ++phase_x) {
          for (int y = phase_y; y < job.height; y += step) {
            for (int x = phase_x; x < job.width; x += step) all.push_back({image, y, x});
          }
        }
      }
    }
    return all;
  }

  // With `edges`, the first and the last pixel are by themselves.
  static std::vector<Segment> segments(int width, int outputs, const Window& w, bool edges) {
    std::vector<Segment> all;
    for (int x = 0; x < outputs; ++x) {
      const std::int64_t from = std::int64_t{x} * w.stride_x - w.left;
      int tap = 0, end = w.width;
      while (tap < end && from + std::int64_t{tap} * w.dilation_x < 0) ++tap;
      while (end > tap && from + std::int64_t{end - 1} * w.dilation_x >= width) --end;
      const bool apart = edges && (x == 1 || x == outputs - 1);
      if (!apart && !all.empty() && all.back().tap == tap && all.back().taps == end - tap &&
          all.back().count < kTiles) {
        ++all.back().count;
      } else {
        all.push_back({x, 1, tap, end - tap});
      }
    }
    return all;
  }

  std::vector<std::size_t> readers(int value) const {
    std::vector<std::size_t> all;
    for (std::size_t s = 0; s < plan_.steps.size(); ++s) {
      const Step& step = plan_.steps[s];
      if (step.residual == value || std::find(step.inputs.begin(), step.inputs.end(), value) != step.inputs.end()) {
        all.push_back(s);
      }
    }
    return all;
  }

  // What need not be done by itself: a resize to the same size, one that only Winograd convolutions read (they sample
  // it on the way in) or only ends of deformable ones add, if it is of one pixel, and a 2x2 pool of a Winograd
  // convolution's output (done on the way out).
  void simplify(std::size_t index) {
    const Step& step = plan_.steps[index];
    Allocation& out = at(step.output);
    if (step.kind == StepKind::resize && out.home != Home::output) {
      const int from = resolve(step.inputs[0]);
      const Shape in = at(from).shape;
      if (in == out.shape && step.resize.scale_y == 0) {
        out.home = Home::alias;
        out.at = static_cast<std::size_t>(from);
        result_.steps[index].algorithm = Algorithm::none;
      } else if (in.height <= out.shape.height && in.width <= out.shape.width && at(from).home != Home::view &&
                 value(step.output).layout == Layout::blocked) {
        const std::vector<std::size_t> all = readers(step.output);
        const bool sampled = std::all_of(all.begin(), all.end(), [&](std::size_t reader) {
          return result_.steps[reader].algorithm == Algorithm::winograd && plan_.steps[reader].residual != step.output;
        });
        const bool added =
            in.height == 1 && in.width == 1 && std::all_of(all.begin(), all.end(), [&](std::size_t reader) {
              const Step& other = plan_.steps[reader];
              return other.kind == StepKind::deformable && other.residual == step.output &&
                     std::find(other.inputs.begin(), other.inputs.end(), step.output) == other.inputs.end();
            });
        if (sampled || added) {
          out.home = Home::view;
          out.at = index;
          result_.steps[index].algorithm = Algorithm::none;
        }
      }
    }
    if (step.kind == StepKind::max_pool) {
      const Window& w = step.window;
      const bool halves = w.height == 2 && w.width == 2 && w.stride_y == 2 && w.stride_x == 2 && w.top == 0 &&
                          w.left == 0 && w.bottom == 0 && w.right == 0;
      // On the way, its place is taken while all that the convolution reads is there; by itself it reads the map once more.
      const bool apart = machine_.frugal && floats_of(at(step.inputs[0]).shape, value(step.inputs[0])) >= kLargeMap;
      for (std::size_t s = 0; halves && !apart && s < index; ++s) {
        Ready& maker = result_.steps[s];
        if (plan_.steps[s].output == step.inputs[0] && maker.algorithm == Algorithm::winograd && maker.winograd != F5 &&
            plan_.steps[s].window.dilation_y == 1 && maker.pooled < 0) {
          maker.pooled = static_cast<int>(index);
          result_.steps[index].algorithm = Algorithm::none;
        }
      }
    }
  }

  int resolve(int value) const { return net::resolve(result_.values, value); }

  const Plan& plan_;
  const Machine& machine_;
  Schedule result_;
};

}  // namespace

Schedule schedule(const Plan& plan, const std::vector<Shape>& inputs, const Machine& machine) {
  return Scheduler(plan, machine).make(inputs);
}

}  // namespace rmbg::net
