// The one place where the core's errors become Python's.
#pragma once

namespace rmbg::bindings {

// rmbg::Error of every kind is raised as its class in rmbg_fast.errors.
void register_errors();

}  // namespace rmbg::bindings
