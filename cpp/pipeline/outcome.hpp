// What a call tells besides its pixels.
#pragma once

#include <chrono>

#include "pipeline/scene.hpp"

namespace rmbg {

// Milliseconds of one call.
struct Timings {
  double preprocess;
  double inference;
  double postprocess;
};

struct Outcome {
  Timings timings;
  Scene scene;
};

class Stopwatch {
 public:
  // Milliseconds since it was made, or since it was asked last.
  double lap() {
    const auto now = Clock::now();
    const double taken = std::chrono::duration<double, std::milli>(now - start_).count();
    start_ = now;
    return taken;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace rmbg
