#include "net/arena.hpp"

#include <algorithm>

namespace rmbg::net {
namespace {

constexpr std::size_t kAligned = 16;  // floats of a cache line: where values begin
constexpr int kJobsAThread = 3;       // in a band, so that the last ones end together
constexpr int kBands = 4;             // at least: two are held beside the whole

// A stretch of the arena that is taken from one step to another, both included.
struct Hold {
  std::size_t floats;
  std::size_t first, last;
  std::size_t begin = 0;
};

bool at_once(const Hold& a, const Hold& b) { return a.first <= b.last && b.first <= a.last; }

// Each in turn gets the lowest place that is free as long as it needs it. Gives the floats of all.
std::size_t arrange(const std::vector<Hold*>& order) {
  std::size_t arena = 0;
  std::vector<const Hold*> placed;  // by where they begin
  for (Hold* const hold : order) {
    hold->begin = 0;
    for (const Hold* const other : placed) {
      if (!at_once(*hold, *other)) continue;
      if (other->begin >= hold->begin + hold->floats) break;
      hold->begin = std::max(hold->begin, other->begin + other->floats);
    }
    arena = std::max(arena, hold->begin + hold->floats);
    const auto after = std::upper_bound(placed.begin(), placed.end(), hold,
                                        [](const Hold* a, const Hold* b) { return a->begin < b->begin; });
    placed.insert(after, hold);
  }
  return arena;
}

class Places {
 public:
  Places(const Plan& plan, const Machine& machine, Schedule& schedule)
      : plan_(plan),
        machine_(machine),
        schedule_(schedule),
        holds_(plan.values.size(), Hold{0, plan.steps.size(), 0}) {}

  void place() {
    for (std::size_t s = 0; s < plan_.steps.size(); ++s) follow(s);
    for (std::size_t v = 0; v < holds_.size(); ++v) {
      Hold& hold = holds_[v];
      if (hold.first == plan_.steps.size() || schedule_.values[v].home != Home::unused) continue;
      schedule_.values[v].home = Home::arena;
      hold.floats = whole_lines(floats_of(schedule_.values[v].shape, plan_.values[v]));
      hold.last = std::max(hold.last, hold.first);
    }
    share_places();
    hold_weights();
    choose_order();
    for (std::size_t v = 0; v < holds_.size(); ++v) {
      if (schedule_.values[v].home == Home::arena) schedule_.values[v].at = holds_[owner(v)].begin;
    }
    for (const auto& [step, hold] : weights_) schedule_.steps[step].shared_weights = hold.begin;
    for (const auto& [step, hold] : bands_) schedule_.steps[step].bands = hold.begin;
  }

 private:
  static std::size_t whole_lines(std::size_t floats) { return (floats + kAligned - 1) / kAligned * kAligned; }

  // Whose memory a step reads, where it reads `value`.
  std::size_t source(int value) const {
    value = resolve(schedule_.values, value);
    const Allocation& seen = schedule_.values[static_cast<std::size_t>(value)];
    if (seen.home == Home::view) value = resolve(schedule_.values, plan_.steps[seen.at].inputs[0]);
    return static_cast<std::size_t>(value);
  }

  void follow(std::size_t s) {
    const Step& step = plan_.steps[s];
    const auto read = [&](int value) { holds_[source(value)].last = s; };
    std::for_each(step.inputs.begin(), step.inputs.end(), read);
    if (step.residual >= 0) read(step.residual);
    make(step.output, s);
    const int pooled = schedule_.steps[s].pooled;
    if (pooled >= 0) make(plan_.steps[static_cast<std::size_t>(pooled)].output, s);
  }

  void make(int value, std::size_t s) {
    std::size_t& first = holds_[static_cast<std::size_t>(value)].first;
    first = std::min(first, s);
  }

  // What of its inputs the step reads only where it then writes, or -1.
  int read_in_place(const Step& step, Algorithm algorithm) const {
    switch (algorithm) {
      case Algorithm::winograd:
      case Algorithm::direct:
        return step.residual;
      case Algorithm::add:
      case Algorithm::gate:
      case Algorithm::sigmoid:
        return step.inputs[0];
      default:
        return -1;
    }
  }

  // Outputs that take the place of what their step is the last to read.
  void share_places() {
    owners_.resize(holds_.size());
    for (std::size_t v = 0; v < owners_.size(); ++v) owners_[v] = v;
    for (std::size_t s = 0; s < plan_.steps.size(); ++s) {
      const Step& step = plan_.steps[s];
      if (holds_[static_cast<std::size_t>(step.output)].first != s) continue;
      const int read = read_in_place(step, schedule_.steps[s].algorithm);
      if (read >= 0 && times_read(step, source(read)) == 1 && take_place(s, source(read))) continue;
      if (machine_.frugal) take_place_by_bands(s);
    }
  }

  std::ptrdiff_t times_read(const Step& step, std::size_t from) const {
    const auto it_is = [&](int value) { return source(value) == from; };
    return std::count_if(step.inputs.begin(), step.inputs.end(), it_is) + (step.residual >= 0 && it_is(step.residual));
  }

  bool take_place(std::size_t s, std::size_t from) {
    const auto out = static_cast<std::size_t>(plan_.steps[s].output);
    const Allocation& read = schedule_.values[from];
    const Allocation& made = schedule_.values[out];
    Hold& place = holds_[owner(from)];
    if (read.home != Home::arena || made.home != Home::arena || read.shape != made.shape || place.last != s ||
        plan_.values[from].layout != plan_.values[out].layout ||
        padded(plan_.values[from]) != padded(plan_.values[out]))
      return false;
    owners_[out] = owner(from);
    place.last = holds_[out].last;
    holds_[out].floats = 0;
    return true;
  }

  // A convolution looks around each pixel: what it makes waits until the next band of rows is made.
  void take_place_by_bands(std::size_t s) {
    const Step& step = plan_.steps[s];
    Ready& ready = schedule_.steps[s];
    const Shape out = schedule_.values[static_cast<std::size_t>(step.output)].shape;
    if (ready.algorithm != Algorithm::winograd || step.window.dilation_y != 1 || out.batch != 1 || step.residual >= 0 ||
        ready.pooled >= 0)
      return;
    const int side = kTileSide[ready.winograd];
    const int tiles_a_row = (out.width + side - 1) / side;
    const int blocks = blocks_of(plan_.values[static_cast<std::size_t>(step.output)].channels);
    const int jobs_a_group = (blocks + ready.cut.outputs - 1) / ready.cut.outputs;
    const int groups = (kJobsAThread * machine_.threads + jobs_a_group - 1) / jobs_a_group;
    const int rows = (groups * ready.cut.tile_groups * kTiles + tiles_a_row - 1) / tiles_a_row;
    const int band = std::min(rows, out.height / (kBands * side));
    if (band < 1 || step.window.top > band * side) return;
    for (const int input : step.inputs) {
      const std::size_t from = source(input);
      const bool as_it_lies = resolve(schedule_.values, input) == static_cast<int>(from);
      if (!as_it_lies || times_read(step, from) != 1 || !take_place(s, from)) continue;
      ready.band = band;
      bands_.push_back(
          {s, {2 * floats_of({1, band * side, out.width}, plan_.values[static_cast<std::size_t>(step.output)]), s, s}});
      return;
    }
  }

  std::size_t owner(std::size_t value) const { return owners_[value]; }

  void hold_weights() {
    for (std::size_t s = 0; s < plan_.steps.size(); ++s) {
      const Ready& ready = schedule_.steps[s];
      if (ready.algorithm != Algorithm::winograd || !ready.cut.shared) continue;
      const Step& step = plan_.steps[s];
      const std::size_t blocks =
          depth_of(plan_, step) / kBlock * static_cast<std::size_t>(kParts[ready.winograd]) *
          static_cast<std::size_t>(blocks_of(plan_.values[static_cast<std::size_t>(step.output)].channels));
      weights_.push_back(
          {s, {whole_lines(blocks * kWeightStride * static_cast<std::size_t>(kProducts[ready.winograd])), s, s}});
    }
  }

  // By time, what is read next lies where the cache has just been; by size, there are seldom gaps.
  void choose_order() {
    std::vector<Hold*> order;
    for (Hold& hold : holds_) {
      if (hold.floats > 0) order.push_back(&hold);
    }
    for (auto& [step, hold] : weights_) order.push_back(&hold);
    for (auto& [step, hold] : bands_) order.push_back(&hold);
    const auto earlier = [](const Hold* a, const Hold* b) { return a->first < b->first; };
    std::stable_sort(order.begin(), order.end(), earlier);
    const std::vector<Hold*> by_time = order;
    const std::size_t of_time = arrange(by_time);
    std::stable_sort(order.begin(), order.end(), [](const Hold* a, const Hold* b) { return a->floats > b->floats; });
    schedule_.arena = arrange(order);
    if (of_time <= schedule_.arena) schedule_.arena = arrange(by_time);
  }

  struct OfStep {
    std::size_t step;
    Hold hold;
  };

  const Plan& plan_;
  const Machine& machine_;
  Schedule& schedule_;
  std::vector<Hold> holds_;  // of values
  std::vector<std::size_t> owners_;
  std::vector<OfStep> weights_, bands_;
};

}  // namespace

void place_values(const Plan& plan, const Machine& machine, Schedule& schedule) {
  Places(plan, machine, schedule).place();
}

}  // namespace rmbg::net
