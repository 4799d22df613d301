// The pool of threads, and the pipeline as a session drives it: many threads at once, with tables that they share. Every
// result is that of one thread alone. To be run under the thread sanitizer too.
//   check_pipeline [ROUNDS]
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/parallel.hpp"
#include "core/pool.hpp"
#include "pipeline/cutout.hpp"
#include "pipeline/foreground.hpp"
#include "pipeline/mask_range.hpp"
#include "pipeline/mask_resizer.hpp"
#include "pipeline/preprocess.hpp"
#include "pipeline/scaling.hpp"
#include "pipeline/scene.hpp"
#include "pipeline/tables.hpp"

#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

thread_local bool no_memory = false;  // for this thread

}  // namespace

void* operator new(std::size_t bytes) {
  void* const memory = no_memory ? nullptr : std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace rmbg;

constexpr std::int32_t kWidth = 301, kHeight = 257, kMaskSide = 96, kModelSide = 128;
constexpr int kCallers = 4;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("FAILED: %s\n", what);
  std::exit(1);
}

// What one call of a session leaves behind.
struct Results {
  std::vector<float> tensor = std::vector<float>(3 * kModelSide * kModelSide);
  std::vector<std::uint8_t> cut = std::vector<std::uint8_t>(4 * kWidth * kHeight);
  std::vector<float> alpha = std::vector<float>(kWidth * kHeight);
  double coverage = 0;
  bool operator==(const Results&) const = default;
};

// The steps of Remover around a model, which is played by the same logits each time.
Results call(const std::vector<std::uint8_t>& picture, std::vector<float> logits, Tables& tables, int kind,
             int threads) {
  constexpr Resample kResamples[] = {Resample::bilinear, Resample::triangle, Resample::pillow_lanczos};
  constexpr MaskResample kMaskResamples[] = {MaskResample::bilinear, MaskResample::bicubic,
                                             MaskResample::pillow_lanczos};
  constexpr MinMaxOrder kOrders[] = {MinMaxOrder::before, MinMaxOrder::after, MinMaxOrder::none};
  Results results;
  const ImageView image = packed_view(picture.data(), kWidth, kHeight, 3, 3 * kWidth, Sample::u8);
  kernels::NormalizedPlanes planes{kModelSide, kModelSide,           {1, 1, 1}, {0, 0, 0}, kernels::Rounding::none,
                                   false,      results.tensor.data()};
  preprocess(image, kResamples[kind], false, planes, tables, threads);

  const Mask mask{logits.data(), kMaskSide, kMaskSide};
  const MaskRange range = write_sigmoid(mask, logits.data(), threads);
  for (const auto type : {kernels::MaskType::f32, kernels::MaskType::u8}) {
    MaskResizer alpha(tables, mask, kMaskResamples[kind], kWidth, kHeight, type);
    const Scene scene = judge(mask, alpha.range(range, kOrders[kind], threads), {kOrders[kind], 0.05f, false}, threads);
    results.coverage = scene.coverage;
    alpha.scale(scaling_of(scene.range, kOrders[kind], top_of(type)), true, threads);
    if (type == kernels::MaskType::f32) {
      resize_mask(alpha, {results.alpha.data(), kWidth, kHeight, 4 * kWidth, type}, threads);
    } else {
      (kind == 1 ? cutout_estimated : cutout)(
          image, alpha, {}, {results.cut.data(), kWidth, kHeight, 4, 4 * kWidth, Sample::u8}, threads);
    }
  }
  return results;
}

void check_calls(std::uint32_t seed) {
  std::mt19937 engine(seed);
  std::vector<std::uint8_t> picture(3 * kWidth * kHeight);
  for (std::uint8_t& byte : picture) byte = static_cast<std::uint8_t>(engine());
  std::vector<float> logits(kMaskSide * kMaskSide);
  for (float& value : logits) value = std::normal_distribution<float>(0, 4)(engine);
  Tables own;
  std::vector<Results> wanted;
  for (int kind = 0; kind < 3; ++kind) wanted.push_back(call(picture, logits, own, kind, 1));
  Tables shared;
  std::vector<std::thread> callers;
  std::atomic<int> equal{0};
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      for (int kind = 0; kind < 3; ++kind) {
        const int which = (i + kind) % 3;
        if (call(picture, logits, shared, which, 2 + i % 3) == wanted[static_cast<std::size_t>(which)]) ++equal;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  expect(equal == 3 * kCallers, "a call among others gives another result than alone");
}

// The tensor of a picture of which only a strip of rows is there at a time, and the rows of its alpha from the middle on.
void check_strips(std::uint32_t seed) {
  std::mt19937 engine(seed);
  const auto between = [&](int lo, int hi) { return std::uniform_int_distribution<std::int32_t>(lo, hi)(engine); };
  const std::int32_t width = between(1, 400), height = between(1, 400), channels = between(0, 1) ? 4 : 3;
  std::vector<std::uint8_t> picture(static_cast<std::size_t>(width * height * channels));
  for (std::uint8_t& byte : picture) byte = static_cast<std::uint8_t>(engine());
  const ImageView image = packed_view(picture.data(), width, height, channels, channels * width, Sample::u8);
  Tables tables;
  for (const Resample resample : {Resample::bilinear, Resample::bilinear_topleft, Resample::triangle,
                                  Resample::pillow_bilinear, Resample::pillow_bicubic, Resample::pillow_lanczos}) {
    std::vector<float> wanted(3 * kModelSide * kModelSide), found(wanted.size());
    kernels::NormalizedPlanes planes{kModelSide,
                                     kModelSide,
                                     {1, 2, 3},
                                     {0, 1, 2},
                                     between(0, 1) ? kernels::Rounding::none : kernels::Rounding::nearest,
                                     false,
                                     wanted.data()};
    preprocess(image, resample, false, planes, tables, 1);
    planes.dst = found.data();
    const std::vector<SourceRows> sources = source_rows(height, kModelSide, resample, tables);
    for (std::int32_t y = 0, next = 0; y < kModelSide; y = next) {
      next = std::min(kModelSide, y + between(1, 70));
      const std::int32_t top = sources[static_cast<std::size_t>(y)].first;
      std::int32_t end = top;
      for (std::int32_t i = y; i < next; ++i) {
        const SourceRows rows = sources[static_cast<std::size_t>(i)];
        expect(rows.first >= top, "the rows of a picture fall");
        end = std::max(end, rows.first + rows.count);
      }
      expect(end <= height, "rows beyond a picture are wanted");
      const std::ptrdiff_t stride = image.stride;
      const std::vector<std::uint8_t> strip(picture.begin() + top * stride, picture.begin() + end * stride);
      ImageView part = image;
      part.data = strip.data();
      preprocess_rows(part, resample, false, planes, {top, y, next}, tables, between(1, 3));
    }
    expect(found == wanted, "the tensor of strips is another one");
  }
  std::vector<float> values(kMaskSide * kMaskSide);
  for (float& value : values) value = std::uniform_real_distribution<float>(0, 1)(engine);
  MaskResizer alpha(tables, {values.data(), kMaskSide, kMaskSide}, MaskResample::bilinear, width, height,
                    kernels::MaskType::u8);
  alpha.scale(unit(255.0f), true, 1);
  std::vector<std::uint8_t> whole(static_cast<std::size_t>(width * height));
  resize_mask(alpha, {whole.data(), width, height, width, kernels::MaskType::u8}, 1);
  const std::int32_t top = height / 2;
  std::vector<std::uint8_t> rest(static_cast<std::size_t>(width * (height - top)));
  resize_mask(alpha, {rest.data(), width, height - top, width, kernels::MaskType::u8}, 2, top);
  expect(std::equal(rest.begin(), rest.end(), whole.begin() + width * top), "the alpha's later rows are others");
}

// Every index once, whoever calls, also from within.
void check_pool() {
  std::array<std::atomic<int>, 12> seen{};
  const auto outer = [](void* data, std::size_t index) {
    auto& counts = *static_cast<std::array<std::atomic<int>, 12>*>(data);
    struct Inner {
      std::atomic<int>* count;
    } inner{&counts[index]};
    run_on_pool([](void* which, std::size_t) { ++*static_cast<Inner*>(which)->count; }, &inner, 5);
  };
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) callers.emplace_back([&] { run_on_pool(outer, &seen, seen.size()); });
  for (std::thread& caller : callers) caller.join();
  for (const std::atomic<int>& count : seen) expect(count == 5 * kCallers, "an index of a job was not done once");
}

void check_exceptions() {
  for (int round = 0; round < 20; ++round) {
    try {
      parallel_rows(4, 400, [](std::int32_t begin, std::int32_t) { throw std::runtime_error(std::to_string(begin)); });
      expect(false, "an exception of a band was lost");
    } catch (const std::runtime_error& error) {
      expect(std::string(error.what()) == "0", "not the first band's exception came");
    }
  }
}

// A thread that cannot be had is done without, whatever the reason.
void check_without_memory() {
  std::atomic<int> rows{0};
  no_memory = true;
  parallel_rows(64, 64 * kRowsWorthAThread, [&](std::int32_t begin, std::int32_t end) { rows += end - begin; });
  no_memory = false;
  expect(rows == 64 * kRowsWorthAThread, "rows were left out where no thread could be started");
}

void check_fork() {
#if !defined(_WIN32)
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // what hangs fails
    check_pool();
    check_calls(99);
    _exit(5);
  }
  int status = 0;
  waitpid(child, &status, 0);
  expect(WIFEXITED(status) && WEXITSTATUS(status) == 5, "a forked child does not run the pool");
#endif
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 20;
  check_pool();
  check_without_memory();
  for (int round = 0; round < rounds; ++round) {
    check_pool();
    check_exceptions();
    check_calls(static_cast<std::uint32_t>(round));
    check_strips(static_cast<std::uint32_t>(round));
  }
  check_fork();
  std::printf("%d rounds: the pool, the pipeline on %d threads at once, a forked child\n", rounds, kCallers);
  return rounds > 0 ? 0 : 1;
}
