// The kernels of Winograd convolutions with a clock around each call: what a step spends on which kind of work.
#pragma once

#include <array>
#include <cstdint>

#include "net/kernels.hpp"

namespace rmbg::testing {

enum Part : int { kInputs, kWeights, kMultiply, kOutputs, kSample, kPool };
inline constexpr int kParts = 6;
inline constexpr const char* kPartNames[kParts] = {"inputs", "weights", "multiply", "outputs", "sample", "pool"};

struct Times {
  std::array<double, kParts> milliseconds{};  // of all threads together, without the clock's own
  double operations = 0;                      // of the multiplications: two for each multiply-add
};

// `kernels` with clocks. They all count into one place, so one network at a time is to be measured.
const net::Kernels& timed(const net::Kernels& kernels);

// What was counted since the last call.
Times take_times();

}  // namespace rmbg::testing
