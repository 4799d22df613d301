// The table of a tier, of the bodies that its file includes.
#pragma once

#include "net/kernels.hpp"

namespace {

constexpr rmbg::net::Kernels table(const char* name) {
  return {name,
          {winograd_input<F4x4>, winograd_input<F6x6>},
          {winograd_weights<F4x4>, winograd_weights<F6x6>},
          {winograd_output<F4x4>, winograd_output<F6x6>},
          multiply,
          direct,
          dot,
          sample,
          sample_plane,
          max_pool,
          add};
}

}  // namespace
