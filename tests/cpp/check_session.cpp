// Checks cpp/ort against a real library and model. Usage: check_session LIBONNXRUNTIME MODEL.onnx
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/error.hpp"
#include "core/half.hpp"
#include "ort/library.hpp"
#include "ort/providers.hpp"
#include "ort/selfcheck.hpp"
#include "ort/session.hpp"

namespace {

using rmbg::Error;
using rmbg::ErrorKind;
using rmbg::ort::DeviceKind;
using rmbg::ort::ElementType;
using rmbg::ort::Session;
using rmbg::ort::SessionConfig;

int failures = 0;

void expect(bool holds, const std::string& what) {
  if (holds) return;
  ++failures;
  std::printf("FAILED: %s\n", what.c_str());
}

void expect_error(ErrorKind kind, const std::string& part, const std::function<void()>& action) {
  try {
    action();
    expect(false, "no error, where one with \"" + part + "\" was due");
  } catch (const Error& error) {
    std::printf("error, as due: %s\n", error.what());
    expect(error.kind() == kind, "another kind of error was due");
    expect(std::string(error.what()).find(part) != std::string::npos, "the error does not say \"" + part + "\"");
  }
}

void check_half() {
  using rmbg::ort::half_to_float;
  for (std::uint32_t half = 0; half < 0x10000; ++half) {
    const float value = half_to_float(static_cast<std::uint16_t>(half));
    const int exponent = static_cast<int>(half >> 10 & 31);
    const double mantissa = half & 1023;
    const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    const bool holds = exponent < 31   ? std::fabs(value) == magnitude
                       : mantissa == 0 ? std::isinf(value)
                                       : std::isnan(value);
    expect(holds && std::signbit(value) == (half >> 15 != 0), "half_to_float of " + std::to_string(half));
  }
}

// A gradient in the input's type, the open dimensions taken as 1.
struct Input {
  explicit Input(const rmbg::ort::TensorInfo& info) : shape(info.shape) {
    std::size_t count = 1;
    for (std::int64_t& size : shape) {
      size = std::max<std::int64_t>(size, 1);
      count *= static_cast<std::size_t>(size);
    }
    bytes.resize(count * (info.type == ElementType::float32 ? 4 : 2));
    for (std::size_t i = 0; i < count; ++i) {
      if (info.type == ElementType::float32) {
        reinterpret_cast<float*>(bytes.data())[i] = static_cast<float>(i) / static_cast<float>(count);
      } else {
        reinterpret_cast<std::uint16_t*>(bytes.data())[i] = static_cast<std::uint16_t>(i * 0x3c00 / count);
      }
    }
  }

  std::vector<std::int64_t> shape;
  std::vector<unsigned char> bytes;
};

void check_run(const Session& session) {
  const Input input(session.input());
  constexpr std::size_t threads = 2;
  std::vector<std::vector<float>> results(threads);
  std::vector<std::vector<std::int64_t>> shapes(threads);
  std::vector<std::string> errors(threads);
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      try {
        shapes[i] = session.run(input.bytes.data(), input.shape, results[i]);
        std::vector<float> again;
        session.run(input.bytes.data(), input.shape, again);
        if (again != results[i]) errors[i] = "a second run gave another result";
      } catch (const Error& error) {
        errors[i] = error.what();
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  for (const std::string& error : errors) expect(error.empty(), error);
  expect(results[0] == results[1] && shapes[0] == shapes[1], "two threads came to different results");
  if (results[0].empty()) return expect(false, "the result is empty");

  std::printf("output \"%s\":", session.output().name.c_str());
  for (const std::int64_t size : shapes[0]) std::printf(" %lld", static_cast<long long>(size));
  const auto [least, most] = std::minmax_element(results[0].begin(), results[0].end());
  std::printf(", %g to %g\n", static_cast<double>(*least), static_cast<double>(*most));
}

void check_errors(const SessionConfig& config, const Session& session) {
  SessionConfig wrong = config;
  wrong.model_path = "no such model.onnx";
  expect_error(ErrorKind::model, "no such model.onnx", [&] { Session{wrong}; });
  wrong = config;
  wrong.output = "no such output";
  expect_error(ErrorKind::model, session.output().name, [&] { Session{wrong}; });
  wrong = config;
  wrong.output_index = -1000;
  expect_error(ErrorKind::model, "number -1000", [&] { Session{wrong}; });
  wrong = config;
  wrong.input = "no such input";
  expect_error(ErrorKind::model, session.input().name, [&] { Session{wrong}; });

  std::vector<float> result;
  const float number = 0;
  expect_error(ErrorKind::inference, "rank", [&] { session.run(&number, {1, 1, 1, 1, 1, 1}, result); });
  expect_error(ErrorKind::inference, "-1", [&] { session.run(&number, {1, -1}, result); });
  expect_error(ErrorKind::inference, "dimension", [&] { session.run(&number, {1, INT64_MAX, INT64_MAX}, result); });
}

void check_devices(SessionConfig config) {
  config.device = DeviceKind::automatic;
  const Session automatic(config);
  std::printf("automatic: %s %s\n", automatic.provider().c_str(), automatic.fallback_reason().c_str());
  const bool cuda = automatic.provider() == rmbg::ort::kCudaProvider;
  expect(cuda == automatic.fallback_reason().empty(), "a fallback has its reason, and nothing else has");
  config.device = DeviceKind::cuda;
  if (cuda) {
    check_run(Session(config));
  } else {
    expect(automatic.provider() == rmbg::ort::kCpuProvider, "a fallback runs on the CPU");
    const bool built = std::filesystem::exists(rmbg::ort::cuda_provider_file());
    expect_error(ErrorKind::device, built ? "lib" : "libonnxruntime_providers_cuda", [&] { Session{config}; });
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 3) {
    std::printf("usage: %s LIBONNXRUNTIME MODEL.onnx\n", arguments[0]);
    return 2;
  }
  try {
    check_half();
    expect_error(ErrorKind::runtime_not_found, "not loaded", [] { rmbg::ort::api(); });
    expect_error(ErrorKind::runtime_not_found, "/no/such/library", [] { rmbg::ort::load_library("/no/such/library"); });
    rmbg::ort::load_library(arguments[1]);
    rmbg::ort::load_library("/no/such/library");
    const rmbg::ort::LibraryInfo& library = rmbg::ort::library_info();
    std::printf("%s\nversion %s, API %u\n%s\n", library.path.c_str(), library.version.c_str(), library.api_version,
                library.build.c_str());
    for (const std::string& slot : rmbg::ort::check_slots()) expect(false, "slot " + slot);

    SessionConfig config;
    config.model_path = arguments[2];
    config.device = DeviceKind::cpu;
    const Session session(config);
    expect(session.provider() == rmbg::ort::kCpuProvider && session.fallback_reason().empty(), "the CPU was asked for");
    check_run(session);
    check_errors(config, session);
    check_devices(config);
  } catch (const Error& error) {
    expect(false, error.what());
  }
  std::printf(failures == 0 ? "all good\n" : "%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
