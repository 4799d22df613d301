// Where the values of a run lie in its memory.
#pragma once

#include "net/schedule.hpp"

namespace rmbg::net {

// Gives each value of an otherwise complete schedule that has no home yet a place in the arena, and the shared weights of
// Winograd convolutions too. None overlap that are needed at once; but a step that takes one of its inputs pixel by
// pixel, as none will after it, leaves its output in that one's place; a frugal machine does so band by band too.
void place_values(const Plan& plan, const Machine& machine, Schedule& schedule);

}  // namespace rmbg::net
