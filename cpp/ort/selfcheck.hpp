// Is every slot of abi.hpp the function that we take it for? Asked of the loaded library itself.
#pragma once

#include <string>
#include <vector>

namespace rmbg::ort {

// Calls the slots in ways that show in their answers, and returns the names of those that misbehave: none is good.
// Slots that need a model are left to running one: CreateSession, Run, ReleaseSession, SessionGet* (six),
// CastTypeInfoToTensorInfo and ReleaseTypeInfo. SessionOptionsAppendExecutionProvider_CUDA_V2 is called only where the
// build has CUDA: other builds can make no options for it. Throws Error(runtime_not_found) before load_library
// succeeded.
std::vector<std::string> check_slots();

}  // namespace rmbg::ort
