// The end of a convolution, on registers: bias, clamp, residual, clamp.
#pragma once

#include <limits>

#include "net/kernels.hpp"

namespace {

// NaN stays NaN: the value is the second operand.
class Limits {
 public:
  explicit Limits(rmbg::net::Clamp clamp)
      : low_(Vec::all(clamp.low)),
        high_(Vec::all(clamp.high)),
        has_low_(clamp.low > -std::numeric_limits<float>::infinity()),
        has_high_(clamp.high < std::numeric_limits<float>::infinity()) {}
  Vec operator()(Vec y) const {
    if (has_low_) y = larger(low_, y);
    if (has_high_) y = smaller(high_, y);
    return y;
  }

 private:
  Vec low_, high_;
  bool has_low_, has_high_;
};

class Finisher {
 public:
  Finisher(const rmbg::net::Finish& finish, int lane)
      : bias_(Vec::load(finish.bias + lane)),
        residual_(finish.residual),
        first_(finish.first),
        second_(finish.second) {}

  // `at`: where the value stands in the output, from its beginning.
  Vec operator()(Vec sum, std::ptrdiff_t at) const {
    const Vec y = first_(sum + bias_);
    return residual_ ? second_(y + Vec::load(residual_ + at)) : y;
  }

 private:
  Vec bias_;
  const float* residual_;
  Limits first_, second_;
};

// The common ends, without a branch: at most a lower limit (ReLU), then perhaps a residual.
template <bool has_residual>
class PlainFinisher {
 public:
  PlainFinisher(const rmbg::net::Finish& finish, int lane)
      : bias_(Vec::load(finish.bias + lane)), low_(Vec::all(finish.first.low)), residual_(finish.residual) {}

  static bool fits(const rmbg::net::Finish& finish) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    return finish.first.high == infinity && (finish.residual != nullptr) == has_residual &&
           (!has_residual || (finish.second.low == -infinity && finish.second.high == infinity));
  }

  Vec operator()(Vec sum, std::ptrdiff_t at) const {
    const Vec y = larger(low_, sum + bias_);
    return has_residual ? y + Vec::load(residual_ + at) : y;
  }

 private:
  Vec bias_, low_;
  const float* residual_;
};

}  // namespace
