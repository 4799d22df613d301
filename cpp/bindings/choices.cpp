#include "bindings/choices.hpp"

#include <utility>

#include "core/error.hpp"

namespace rmbg::bindings {
namespace {

template <typename T, std::size_t kCount>
T choose(const char* option, const std::string& word, const std::pair<const char*, T> (&choices)[kCount]) {
  std::string offered;
  for (const auto& [name, value] : choices) {
    if (word == name) return value;
    offered += (offered.empty() ? "'" : ", '") + std::string(name) + "'";
  }
  throw Error(ErrorKind::option, std::string(option) + " must be one of " + offered + ", not '" + word + "'");
}

}  // namespace

Resample resample_of(const std::string& word) {
  return choose<Resample>("resample", word,
                          {{"bilinear", Resample::bilinear},
                           {"bilinear-topleft", Resample::bilinear_topleft},
                           {"triangle", Resample::triangle},
                           {"pillow-bilinear", Resample::pillow_bilinear},
                           {"pillow-bicubic", Resample::pillow_bicubic},
                           {"pillow-lanczos", Resample::pillow_lanczos}});
}

kernels::Rounding rounding_of(const std::string& word) {
  using kernels::Rounding;
  return choose<Rounding>("rounding", word,
                          {{"none", Rounding::none}, {"truncate", Rounding::truncate}, {"nearest", Rounding::nearest}});
}

MaskResample mask_resample_of(const std::string& word) {
  return choose<MaskResample>("resample", word,
                              {{"bilinear", MaskResample::bilinear},
                               {"bilinear-topleft", MaskResample::bilinear_topleft},
                               {"bilinear-corners", MaskResample::bilinear_corners},
                               {"bicubic", MaskResample::bicubic},
                               {"nearest", MaskResample::nearest},
                               {"pillow-bilinear", MaskResample::pillow_bilinear},
                               {"pillow-bicubic", MaskResample::pillow_bicubic},
                               {"pillow-lanczos", MaskResample::pillow_lanczos}});
}

MinMaxOrder minmax_order_of(const std::string& word) {
  return choose<MinMaxOrder>(
      "minmax", word, {{"none", MinMaxOrder::none}, {"before", MinMaxOrder::before}, {"after", MinMaxOrder::after}});
}

bool estimates_foreground(const std::string& word) {
  return choose<bool>("foreground", word, {{"keep", false}, {"estimate", true}});
}

bool mask_rounds(const std::string& word) {
  return choose<bool>("rounding", word, {{"nearest", true}, {"truncate", false}});
}

BlendOptions blend_options(const char* option, const std::string& mode,
                           const std::optional<std::array<int, 3>>& background, std::optional<int> threshold,
                           Sample sample) {
  using kernels::BlendMode;
  const int unit = sample == Sample::u16 ? 257 : 1;
  BlendOptions options;
  options.mode =
      choose<BlendMode>(option, mode, {{"straight", BlendMode::straight}, {"premultiplied", BlendMode::premultiplied}});
  if (threshold) {
    if (*threshold < 1 || *threshold > 255) {
      throw Error(ErrorKind::option, "threshold must be from 1 to 255, not " + std::to_string(*threshold));
    }
    options.threshold = *threshold * unit;
  }
  if (background) {
    if (options.mode == BlendMode::premultiplied) {
      throw Error(ErrorKind::option,
                  "premultiplied alpha and a background exclude each other: the result has no alpha");
    }
    options.mode = BlendMode::over;
    for (std::size_t c = 0; c < 3; ++c) {
      const int value = (*background)[c];
      if (value < 0 || value > 255) {
        throw Error(ErrorKind::option, "background must be three values from 0 to 255, not " + std::to_string(value));
      }
      options.background[c] = static_cast<std::uint16_t>(value * unit);
    }
  }
  return options;
}

kernels::MaskType mask_type_of(const std::string& dtype) {
  using kernels::MaskType;
  return choose<MaskType>("dtype", dtype,
                          {{"uint8", MaskType::u8}, {"uint16", MaskType::u16}, {"float32", MaskType::f32}});
}

}  // namespace rmbg::bindings
