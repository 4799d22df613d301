// A plan made ready for inputs of known sizes: shapes, how each convolution is done, and where each value lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "net/plan.hpp"

namespace rmbg::net {

struct Shape {
  int batch, height, width;
  bool operator==(const Shape&) const = default;
};

// input and output are buffers of the caller's; a view is a resized value that its readers sample by themselves; an
// alias is another value under a second number; `unused` has no memory at all.
enum class Home { unused, arena, input, output, view, alias };

struct Allocation {
  Shape shape{};
  Home home = Home::unused;
  std::size_t at = 0;  // arena: offset in floats; input, output: its index; view: the step; alias: the value
};

// The value that `value` is an alias of, or itself.
inline int resolve(const std::vector<Allocation>& allocations, int value) {
  const auto at = [&](int index) -> const Allocation& { return allocations[static_cast<std::size_t>(index)]; };
  while (at(value).home == Home::alias) value = static_cast<int>(at(value).at);
  return value;
}

// The output of a tile: where its first pixel lies. Dilated convolutions have a tile's pixels `dilation` apart.
struct Tile {
  std::int32_t image, y, x;
};

// How a Winograd convolution is cut into jobs: each takes `tile_groups` times kTiles tiles (a deformable or a 1x1
// convolution: pixels) and `outputs` blocks of outputs (all). It goes through the inputs `inputs` blocks at a time and,
// where that is all of them, through the outputs `pass` at a time; otherwise `pass` is `outputs`.
struct Cut {
  int tile_groups, outputs, inputs, pass;
  bool shared;  // the transformed weights are made once for all jobs, not by each job anew
};

// Pixels of a row that see the same columns of a window.
struct Segment {
  int first, count;
  int tap, taps;
};

enum class Algorithm {
  none,
  winograd,
  direct,
  dot,
  max_pool,
  resize,
  add,
  pack,
  unpack,
  deformable,
  sigmoid,
  gate,
  mean
};

struct Ready {
  Algorithm algorithm = Algorithm::none;  // none: a view, an alias, or done by another step
  Winograd winograd = F4;
  Cut cut{};
  std::vector<Tile> tiles;
  std::size_t shared_weights = 0;  // offset in the arena
  // A Winograd convolution whose output takes the place of an input: it is made `band` rows of tiles at a time (0: it is
  // not such a one), and two bands lie in the arena at `bands`.
  int band = 0;
  std::size_t bands = 0;
  int pooled = -1;                  // the step whose 2x2 pool this convolution does on the way
  std::vector<Segment> segments;    // direct, dot
  std::vector<Lerp> rows, columns;  // resize, and views of it
};

struct Schedule {
  std::vector<Shape> inputs;  // what it was made for
  std::vector<Allocation> values;
  std::vector<Ready> steps;
  std::size_t arena = 0;    // floats
  std::size_t scratch = 0;  // floats a worker
};

struct Machine {
  int threads;
  std::size_t cache;    // bytes of the second-level cache of a core
  bool frugal = false;  // memory is dearer than a little time
};

// Throws Error(inference): shapes that do not fit the plan or each other.
Schedule schedule(const Plan& plan, const std::vector<Shape>& inputs, const Machine& machine);

inline std::size_t floats_of(const Shape& shape, const Value& value) {
  return static_cast<std::size_t>(shape.batch) * static_cast<std::size_t>(padded(value)) *
         static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width);
}

}  // namespace rmbg::net
