// What all checkers share: random numbers, the words for a mismatch, and how long to go on.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <initializer_list>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace rmbg::checking {

// The same numbers from a seed with every compiler: the standard's distributions promise no such thing.
class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::int32_t between(std::int32_t low, std::int32_t high) {  // both included
    return low + static_cast<std::int32_t>(engine_() % static_cast<std::uint32_t>(high - low + 1));
  }
  bool one_in(std::int32_t n) { return between(1, n) == 1; }
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[between(0, static_cast<std::int32_t>(values.size()) - 1)];
  }
  template <typename T>
  const T& pick(const std::vector<T>& values) {
    return values[static_cast<std::size_t>(between(0, static_cast<std::int32_t>(values.size()) - 1))];
  }
  float real(float low, float high) { return low + (high - low) * static_cast<float>(engine_() >> 8) * 0x1p-24f; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(engine_() >> 11); }
  std::uint64_t bits() { return std::uint64_t{engine_()} << 32 | engine_(); }

 private:
  std::mt19937 engine_;
};

inline std::string text(const std::string& title, std::initializer_list<std::pair<const char*, double>> fields) {
  std::string all = title;
  for (const auto& [name, value] : fields) {
    char one[96];
    std::snprintf(one, sizeof one, " %s=%.9g", name, value);
    all += one;
  }
  return all;
}

[[noreturn]] inline void fail(const std::string& where, const std::string& what) {
  std::printf("MISMATCH in %s: %s\n0 passed, 1 failed\n", where.c_str(), what.c_str());
  std::exit(1);
}

// What a checker is told: [ROUNDS | SECONDSs] [SEED], as in `300`, `20s 7`. Seconds are of processor time: a busy machine
// shall not make a check smaller.
class Rounds {
 public:
  Rounds(int argc, char** argv, const char* otherwise) {
    const std::string limit = argc > 1 ? argv[1] : otherwise;
    timed_ = limit.back() == 's';
    most_ = std::atof(limit.c_str());
    seed = argc > 2 ? static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)) : 1u;
  }
  bool timed() const { return timed_; }
  bool go_on() const {
    return timed_ ? static_cast<double>(std::clock() - start_) / CLOCKS_PER_SEC < most_ : done < most_;
  }

  std::uint32_t seed;
  int done = 0;

 private:
  bool timed_;
  double most_;
  std::clock_t start_ = std::clock();
};

}  // namespace rmbg::checking
