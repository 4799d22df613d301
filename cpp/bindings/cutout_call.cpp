#include "bindings/cutout_call.hpp"

#include "bindings/choices.hpp"
#include "core/error.hpp"

namespace rmbg::bindings {
namespace {

BlendOptions over(BlendOptions options, const Behind& behind, const ImageView& image) {
  set_behind(options, behind, image);
  return options;
}

}  // namespace

CutoutCall::CutoutCall(const py::array& image, const std::string& alpha, const Colour& background, const Behind& behind,
                       std::optional<int> threshold, const std::string& foreground, const Allocator& allocate)
    : input(image_input(image)),
      options(over(blend_options("alpha", alpha, background, threshold, input.view.sample), behind, input.view)),
      estimate(estimates_foreground(foreground)),
      result(
          allocate(input.array.dtype(),
                   {input.view.height, input.view.width, py::ssize_t{options.mode == kernels::BlendMode::over ? 3 : 4}},
                   input.array)),
      target(image_output(result)) {
  if (behind && overlap(result, *behind)) throw Error(ErrorKind::option, "`out` overlaps the background in memory");
}

py::tuple told(const Outcome& outcome) {
  py::dict timings;
  timings["preprocess"] = outcome.timings.preprocess;
  timings["inference"] = outcome.timings.inference;
  timings["postprocess"] = outcome.timings.postprocess;
  py::dict scene;
  scene["coverage"] = outcome.scene.coverage;
  scene["range"] = py::make_tuple(outcome.scene.range.lo, outcome.scene.range.hi);
  scene["empty"] = outcome.scene.problem;
  const auto& box = outcome.scene.box;
  scene["box"] = box ? py::object(py::make_tuple(box->left, box->top, box->right, box->bottom)) : py::none();
  return py::make_tuple(timings, scene);
}

}  // namespace rmbg::bindings
