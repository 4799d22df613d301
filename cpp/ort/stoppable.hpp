// A run of ONNX Runtime that this thread's current stop ends between two nodes of the graph.
#pragma once

#include <optional>

#include "core/stop.hpp"
#include "ort/handles.hpp"
#include "ort/status.hpp"
#include "ort/tensors.hpp"

namespace rmbg::ort {

class StoppableRun {
 public:
  StoppableRun() {
    if (Stop::current() == nullptr) return;
    options_.reset(get<OrtRunOptions*>(ErrorKind::inference, kRunFailed, api().CreateRunOptions));
    const auto terminate = [](void* options) {
      StatusHandle(api().RunOptionsSetTerminate(static_cast<OrtRunOptions*>(options)));
    };
    listener_.emplace(*Stop::current(), terminate, options_.get());
  }

  // For the API's Run; null where nobody may stop it.
  const OrtRunOptions* options() const { return options_.get(); }

  // Throws Error: what the stop says where it was asked for and the run did not get to its end, else inference.
  void check_end(OrtStatus* status) const {
    StatusHandle owned(status);
    if (owned) check_stop();
    check(owned.release(), ErrorKind::inference, kRunFailed);
  }

 private:
  RunOptionsHandle options_;
  std::optional<Stop::Listener> listener_;
};

}  // namespace rmbg::ort
