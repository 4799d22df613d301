// What the page's script calls (web/module/core.js): plain numbers and addresses. One session a module.
#include <bit>
#include <cstdint>
#include <memory>

#include "core/half.hpp"
#include "net/plan.hpp"
#include "web/host.hpp"
#include "web/session.hpp"

namespace {

using rmbg::web::Session;

std::unique_ptr<Session> session;

// As python/rmbg_fast/_web/model_file.py writes it.
rmbg::Recipe read_recipe(const double* numbers) {
  const auto whole = [&] { return static_cast<std::int32_t>(*numbers++); };
  rmbg::Recipe recipe{};
  recipe.height = whole();
  recipe.width = whole();
  recipe.dynamic = whole();
  recipe.resample = static_cast<rmbg::Resample>(whole());
  recipe.rounding = static_cast<rmbg::kernels::Rounding>(whole());
  recipe.divide_by_max = whole() != 0;
  for (double& mean : recipe.mean) mean = *numbers++;
  for (double& std : recipe.std) std = *numbers++;
  recipe.sigmoid = whole() != 0;
  recipe.minmax = static_cast<rmbg::MinMaxOrder>(whole());
  recipe.mask_resample = static_cast<rmbg::MaskResample>(whole());
  recipe.mask_nearest = whole() != 0;
  recipe.empty_below = static_cast<float>(*numbers++);
  recipe.empty_is_opaque = whole() != 0;
  return recipe;
}

}  // namespace

// `count` float16 numbers, which lie at the end of the memory that they need as float32.
RMBG_FAST_EXPORT("widen") void rmbg_fast_widen(float* numbers, std::size_t count) {
  const auto* halves = reinterpret_cast<const std::uint16_t*>(numbers + count) - count;
  auto* words = reinterpret_cast<std::uint8_t*>(numbers);
  for (std::size_t i = 0; i < count; ++i) {
    const float value = half_to_float(halves[i]);
    __builtin_memcpy(words + i * sizeof value, &value, sizeof value);
  }
}

RMBG_FAST_EXPORT("open")
void rmbg_fast_open(const double* recipe, const std::int64_t* plan, std::size_t plan_count, const float* weights,
                    std::size_t weight_count, int threads, std::size_t cache) {
  session.reset();
  session = std::make_unique<Session>(read_recipe(recipe), rmbg::net::decode(plan, plan_count, weight_count), weights,
                                      threads, cache);
}

// Memory for a strip of RGBA samples: what `feed` and `cut_rows` read.
RMBG_FAST_EXPORT("strip") std::uint8_t* rmbg_fast_strip(std::int32_t width, std::int32_t rows) {
  return session->strip(width, rows);
}

RMBG_FAST_EXPORT("begin") void rmbg_fast_begin(std::int32_t width, std::int32_t height) {
  session->begin(width, height);
}
// The strip that is wanted next: 0 rows where the whole picture was seen.
RMBG_FAST_EXPORT("wanted_top") std::int32_t rmbg_fast_wanted_top() { return session->input().top(); }
RMBG_FAST_EXPORT("wanted_rows") std::int32_t rmbg_fast_wanted_rows() { return session->input().rows(); }
RMBG_FAST_EXPORT("feed") void rmbg_fast_feed() { session->feed(); }

// Another thread may set it to 1 while `run` is under way.
RMBG_FAST_EXPORT("cancelled") void* rmbg_fast_cancelled() { return &session->cancelled(); }

RMBG_FAST_EXPORT("run") bool rmbg_fast_run() { return session->run(); }
// The mask as the network left it: before the sigmoid, where one is to follow.
RMBG_FAST_EXPORT("values") const float* rmbg_fast_values() { return session->values().data(); }

// mode: a BlendMode; background: 0xBBGGRR. Gives how many rows a strip should have.
RMBG_FAST_EXPORT("cut")
std::int32_t rmbg_fast_cut(std::int32_t width, std::int32_t height, std::int32_t mode, std::int32_t threshold,
                           std::uint32_t background) {
  rmbg::BlendOptions options;
  options.mode = static_cast<rmbg::kernels::BlendMode>(mode);
  options.threshold = threshold;
  for (int c = 0; c < 3; ++c) options.background[c] = static_cast<std::uint16_t>(background >> (8 * c) & 255);
  return session->cut(width, height, options);
}
RMBG_FAST_EXPORT("cut_rows") void rmbg_fast_cut_rows(std::int32_t top, std::int32_t rows, std::int32_t channels) {
  session->cut_rows(top, rows, channels);
}
RMBG_FAST_EXPORT("result") std::uint8_t* rmbg_fast_result() { return session->result(); }
RMBG_FAST_EXPORT("alpha") std::uint8_t* rmbg_fast_alpha() { return session->alpha(); }

// Why there is no subject: `problem_bytes` of text, 0 where there is one.
RMBG_FAST_EXPORT("problem") const char* rmbg_fast_problem() { return session->scene().problem.data(); }
RMBG_FAST_EXPORT("problem_bytes") std::size_t rmbg_fast_problem_bytes() { return session->scene().problem.size(); }
RMBG_FAST_EXPORT("coverage") double rmbg_fast_coverage() { return session->scene().coverage; }

// A file of `channels` of the `stored` samples of each pixel. Gives how many rows a strip should have.
RMBG_FAST_EXPORT("png")
std::int32_t rmbg_fast_png(std::int32_t width, std::int32_t height, std::int32_t stored, std::int32_t channels) {
  return session->png(width, height, stored, channels);
}
RMBG_FAST_EXPORT("to_write") std::uint8_t* rmbg_fast_to_write(std::int32_t rows) { return session->to_write(rows); }
// What lies in `result`, as the next bytes of the file, which lie in `file`: how many.
RMBG_FAST_EXPORT("png_rows") std::size_t rmbg_fast_png_rows(std::int32_t rows) { return session->png_rows(rows); }
RMBG_FAST_EXPORT("file") std::uint8_t* rmbg_fast_file() { return session->file(); }
