// What the parts of check_device share: random cases, and memory of the device with what the host has.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "checking.hpp"
#include "cuda/device.hpp"
#include "kernels/dispatch.hpp"
#include "pipeline/axis.hpp"

namespace {

namespace checking = rmbg::checking;
namespace cuda = rmbg::cuda;
namespace kernels = rmbg::kernels;
using kernels::reference_table;

int failures = 0;
void expect(bool holds, const std::string& what) {
  if (holds) return;
  if (++failures <= 20) std::printf("FAILED: %s\n", what.c_str());
}

checking::Random dice{1};
int between(int least, int most) { return dice.between(least, most); }
bool coin() { return dice.one_in(2); }

std::vector<std::uint8_t> random_bytes(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  for (auto& byte : bytes) byte = dice.byte();
  return bytes;
}

// A mask of values around 0..1, and now and then what is no number.
std::vector<float> random_mask(std::size_t count) {
  std::vector<float> mask(count);
  for (auto& v : mask) {
    v = dice.real(-0.8f, 1.6f);
    if (dice.one_in(1000)) v = coin() ? NAN : coin() ? INFINITY : -INFINITY;
  }
  return mask;
}

// Memory of the device with what a vector holds.
class OnDevice {
 public:
  template <typename T>
  OnDevice(cuda::Stream& stream, const std::vector<T>& values) : buffer_(stream.device()) {
    buffer_.reserve(std::max<std::size_t>(values.size() * sizeof(T), 1));
    if (!values.empty()) stream.upload(buffer_.data(), values.data(), values.size() * sizeof(T));
    stream.wait();
  }
  template <typename T>
  void get(cuda::Stream& stream, std::vector<T>& values) const {
    stream.download(values.data(), buffer_.data(), values.size() * sizeof(T));
    stream.wait();
  }
  template <typename T>
  T* as() const {
    return static_cast<T*>(buffer_.data());
  }

 private:
  cuda::DeviceBuffer buffer_;
};

template <typename Job>
void launch(cuda::Stream& stream, const char* name, const Job& job, std::int32_t width, std::int32_t height) {
  stream.launch(name, static_cast<unsigned>(width), static_cast<unsigned>(height), job, static_cast<unsigned>(width),
                static_cast<unsigned>(height));
}

// The tables of one axis, on the device.
struct DeviceAxis {
  OnDevice first, count, weights;
  template <typename Table>
  static DeviceAxis of(cuda::Stream& stream, const Table& table) {
    return {OnDevice(stream, table.first), OnDevice(stream, table.count), OnDevice(stream, table.weights)};
  }
};
struct DeviceBilinear {
  OnDevice first, weight;
  DeviceBilinear(cuda::Stream& stream, const rmbg::BilinearTable& table)
      : first(stream, table.first), weight(stream, table.weight) {}
  kernels::BilinearAxis view(std::int32_t denominator) const {
    return {first.as<std::int32_t>(), weight.as<std::int16_t>(), denominator};
  }
};

struct Case {
  std::int32_t in_width, in_height, width, height, channels;
  std::string name() const {
    return std::to_string(in_width) + "x" + std::to_string(in_height) + "x" + std::to_string(channels) + " -> " +
           std::to_string(width) + "x" + std::to_string(height);
  }
};
Case random_case() {
  constexpr std::int32_t channels[] = {1, 3, 4};
  return {between(1, 90), between(1, 90), between(1, 70), between(1, 70), channels[between(0, 2)]};
}

kernels::NormalizedPlanes random_planes(const Case& c, void* dst) {
  kernels::NormalizedPlanes planes{};
  planes.width = c.width;
  planes.height = c.height;
  for (int i = 0; i < 3; ++i) {
    planes.scale[i] = static_cast<float>(between(1, 1000)) / 70000.0f;
    planes.bias[i] = static_cast<float>(between(-1000, 1000)) / 500.0f;
  }
  planes.rounding = static_cast<kernels::Rounding>(between(0, 2));
  planes.half = coin();
  planes.dst = dst;
  return planes;
}

}  // namespace
