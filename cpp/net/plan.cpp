#include "net/plan.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "core/error.hpp"

namespace rmbg::net {
namespace {

constexpr std::int64_t kMost = 1 << 20;  // of any count, channel or window: beyond all networks, far below an overflow

[[noreturn]] void refuse(const std::string& what) {
  fail(ErrorKind::model, "the prepared network is damaged (" + what + ")");
}

class Reader {
 public:
  Reader(const std::int64_t* numbers, std::size_t count) : at_(numbers), end_(numbers + count) {}

  std::int64_t next() {
    if (at_ == end_) refuse("it ends too early");
    return *at_++;
  }
  int number(std::int64_t low, std::int64_t high) {
    const std::int64_t value = next();
    if (value < low || value > high) refuse("the number " + std::to_string(value));
    return static_cast<int>(value);
  }
  int count() { return number(0, kMost); }
  // Of a list: no more than there are numbers.
  int length() { return number(0, std::min<std::int64_t>(kMost, end_ - at_)); }
  double real() { return std::bit_cast<double>(next()); }
  std::vector<int> list(std::int64_t low, std::int64_t high) {
    std::vector<int> values(static_cast<std::size_t>(length()));
    for (int& value : values) value = number(low, high);
    return values;
  }
  bool done() const { return at_ == end_; }

 private:
  const std::int64_t* at_;
  const std::int64_t* end_;
};

Window read_window(Reader& reader) {
  Window window{};
  for (int* size :
       {&window.height, &window.width, &window.stride_y, &window.stride_x, &window.dilation_y, &window.dilation_x}) {
    *size = reader.number(1, kMost);
  }
  for (int* pad : {&window.top, &window.left, &window.bottom, &window.right}) *pad = reader.count();
  return window;
}

Clamp read_clamp(Reader& reader) {
  const double low = reader.real();
  const double high = reader.real();
  return {static_cast<float>(low), static_cast<float>(high)};
}

Resize read_resize(Reader& reader) {
  Resize resize{};
  resize.height = reader.count();
  resize.width = reader.count();
  resize.scale_y = reader.real();
  resize.scale_x = reader.real();
  resize.coordinates = static_cast<Coordinates>(reader.number(0, 3));
  resize.interpolation = static_cast<Interpolation>(reader.number(0, 4));
  constexpr double most = 1e4;
  const bool scales =
      resize.scale_y >= 1 / most && resize.scale_y <= most && resize.scale_x >= 1 / most && resize.scale_x <= most;
  const bool by_scale = resize.height == 0 && resize.width == 0 && scales;
  const bool by_size = resize.height > 0 && resize.width > 0 && resize.scale_y == 0 && resize.scale_x == 0;
  if (!by_size && !by_scale) refuse("a resize");
  return resize;
}

Step read_step(Reader& reader, int last_value) {
  Step step{};
  step.kind = static_cast<StepKind>(reader.number(0, 9));
  step.inputs = reader.list(0, last_value);
  step.output = reader.number(0, last_value);
  const bool deformable = step.kind == StepKind::deformable;
  if (deformable || step.kind == StepKind::convolution || step.kind == StepKind::max_pool)
    step.window = read_window(reader);
  if (step.kind == StepKind::max_pool) step.ceil = reader.number(0, 1) == 1;
  if (deformable || step.kind == StepKind::convolution) {
    step.weights = static_cast<std::size_t>(reader.next());
    step.bias = static_cast<std::size_t>(reader.next());
    step.first = read_clamp(reader);
  }
  if (deformable) step.through = reader.count();
  if (step.through > 0) {
    step.end_weights = static_cast<std::size_t>(reader.next());
    step.end_bias = static_cast<std::size_t>(reader.next());
  }
  if (step.kind == StepKind::convolution) step.edges = reader.number(0, 1) == 1;
  if (step.kind == StepKind::convolution || step.through > 0) step.residual = reader.number(-1, last_value);
  if (step.kind == StepKind::convolution || step.kind == StepKind::add || step.through > 0)
    step.second = read_clamp(reader);
  if (step.kind == StepKind::resize) step.resize = read_resize(reader);
  if (step.kind == StepKind::sigmoid) step.scale = static_cast<float>(reader.real());
  return step;
}

void check(bool good, const char* what) {
  if (!good) refuse(what);
}

// `width` outputs of `depth` inputs, as padded, of `taps` each.
void check_weights(std::size_t width, std::size_t depth, std::size_t taps, std::size_t weights, std::size_t bias,
                   std::size_t weight_count) {
  check(taps <= weight_count / width / depth, "weights");
  check(weights <= weight_count - width * depth * taps, "weights");
  check(width <= weight_count && bias <= weight_count - width, "a bias");
}

void check_weights(const Plan& plan, const Step& step, std::size_t weight_count) {
  const Window& window = step.window;
  check(window.height * std::int64_t{window.width} <= kMost, "a window");
  const std::size_t taps = static_cast<std::size_t>(window.height) * static_cast<std::size_t>(window.width);
  const Value& out = plan.values[static_cast<std::size_t>(step.output)];
  const auto whole = [](int channels) { return static_cast<std::size_t>(blocks_of(channels)) * kBlock; };
  const std::size_t width = sums_dots(plan, step) ? static_cast<std::size_t>(out.channels)
                                                  : whole(step.through > 0 ? step.through : out.channels);
  check_weights(width * static_cast<std::size_t>(places_of(step)), depth_of(plan, step), taps, step.weights, step.bias,
                weight_count);
  if (step.through > 0) check_weights(whole(out.channels), width, 1, step.end_weights, step.end_bias, weight_count);
}

void check_residual(const Plan& plan, const Step& step) {
  if (step.residual < 0) return;
  const Value& out = plan.values[static_cast<std::size_t>(step.output)];
  const Value& residual = plan.values[static_cast<std::size_t>(step.residual)];
  check(out.layout == Layout::blocked && residual.layout == Layout::blocked, "a residual's layout");
  check(residual.channels == out.channels, "a residual's channels");
}

void check_step(const Plan& plan, const Step& step, std::size_t weight_count) {
  const auto value = [&](int index) { return plan.values[static_cast<std::size_t>(index)]; };
  const Value out = value(step.output);
  const Value in = value(step.inputs.at(0));
  const bool alone = step.inputs.size() == 1;
  std::size_t channels = 0;
  bool all_blocked = true;
  for (const int input : step.inputs) {
    channels += static_cast<std::size_t>(value(input).channels);
    all_blocked = all_blocked && value(input).layout == Layout::blocked;
  }
  const bool blocked_out = out.layout == Layout::blocked;
  switch (step.kind) {
    case StepKind::convolution: {
      check(blocked_out || all_blocked || out.channels <= kBlock, "a convolution between planes");
      const Window& window = step.window;
      const bool plain =
          window.stride_y == 1 && window.stride_x == 1 && window.dilation_y == 1 && window.dilation_x == 1;
      check(!step.edges || (plain && step.residual < 0 && !sums_dots(plan, step)), "edges");
      check_weights(plan, step, weight_count);
      check_residual(plan, step);
      break;
    }
    case StepKind::max_pool:
      check(alone && all_blocked && blocked_out && in.channels == out.channels, "a pool");
      check(step.window.dilation_y == 1 && step.window.dilation_x == 1, "a pool's dilation");
      check(step.window.top < step.window.height && step.window.bottom < step.window.height &&
                step.window.left < step.window.width && step.window.right < step.window.width,
            "a pool's padding");
      break;
    case StepKind::resize:
      check(alone && in.layout == out.layout && in.channels == out.channels, "a resize");
      break;
    case StepKind::add:
      check(step.inputs.size() == 2 && in.layout == out.layout && value(step.inputs[1]).layout == out.layout,
            "an addition");
      check(in.channels == out.channels && value(step.inputs[1]).channels == out.channels, "an addition's channels");
      break;
    case StepKind::pack:
      check(alone && !all_blocked && blocked_out && in.channels == out.channels, "a pack");
      break;
    case StepKind::unpack:
      check(all_blocked && !blocked_out && channels == static_cast<std::size_t>(out.channels), "an unpack");
      break;
    case StepKind::deformable: {
      check(all_blocked && blocked_out, "a deformable convolution between planes");
      check_weights(plan, step, weight_count);
      check_residual(plan, step);
      const std::size_t taps =
          static_cast<std::size_t>(step.window.height) * static_cast<std::size_t>(step.window.width);
      const std::size_t given = channels - static_cast<std::size_t>(in.channels);
      check(given == 2 * taps || given == 3 * taps, "offsets");
      break;
    }
    case StepKind::sigmoid:
    case StepKind::mean:
      check(alone && all_blocked && blocked_out && in.channels == out.channels, "a step with one input");
      break;
    case StepKind::gate:
      check(step.inputs.size() == 2 && all_blocked && blocked_out, "a gate");
      check(in.channels == out.channels && value(step.inputs[1]).channels == 1, "a gate's channels");
      break;
  }
}

}  // namespace

Plan decode(const std::int64_t* numbers, std::size_t count, std::size_t weight_count) {
  Reader reader(numbers, count);
  if (reader.next() != kPlanVersion) refuse("another version");
  Plan plan;
  plan.values.resize(static_cast<std::size_t>(reader.length()));
  for (Value& value : plan.values) {
    value.layout = static_cast<Layout>(reader.number(0, 1));
    value.channels = reader.number(1, kMost);
  }
  const int last = static_cast<int>(plan.values.size()) - 1;
  plan.inputs = reader.list(0, last);
  plan.outputs = reader.list(0, last);
  plan.steps.resize(static_cast<std::size_t>(reader.length()));
  for (Step& step : plan.steps) step = read_step(reader, last);
  check(reader.done(), "more than it should hold");

  std::vector<bool> known(plan.values.size(), false);
  const auto is_known = [&](int value) { return bool{known[static_cast<std::size_t>(value)]}; };
  for (const int input : plan.inputs) {
    check(plan.values[static_cast<std::size_t>(input)].layout == Layout::planar && !is_known(input), "an input");
    known[static_cast<std::size_t>(input)] = true;
  }
  for (const Step& step : plan.steps) {
    check(!step.inputs.empty() && !is_known(step.output), "the order of its steps");
    for (const int input : step.inputs) check(is_known(input), "the order of its steps");
    if (step.residual >= 0) check(is_known(step.residual), "the order of its steps");
    check_step(plan, step, weight_count);
    known[static_cast<std::size_t>(step.output)] = true;
  }
  std::vector<bool> made(plan.values.size(), false);
  for (const Step& step : plan.steps) made[static_cast<std::size_t>(step.output)] = true;
  for (const int output : plan.outputs) {
    check(made[static_cast<std::size_t>(output)], "an output");
    made[static_cast<std::size_t>(output)] = false;  // it goes to one place
    check(plan.values[static_cast<std::size_t>(output)].layout == Layout::planar, "an output's layout");
  }
  return plan;
}

}  // namespace rmbg::net
