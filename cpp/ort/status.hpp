// From the C API's status objects to rmbg::Error, with the runtime's own message.
#pragma once

#include <string>
#include <string_view>

#include "core/error.hpp"
#include "ort/handles.hpp"

namespace rmbg::ort {

// The runtime's message without the places in its source that it begins with or holds ("FILE:LINE FUNCTION CONDITION was
// false."), and without what CUDA adds for whoever debugs it; one that tells of exhausted memory begins with that.
std::string without_places(std::string message);

// Is it of exhausted memory, the host's or a GPU's, that the runtime's message tells?
bool tells_of_memory(std::string_view message);

// Takes the status; does nothing where it is null, the API's word for success.
inline void check(OrtStatus* status, ErrorKind kind, const std::string& what_failed) {
  if (status == nullptr) return;
  const StatusHandle owned(status);
  throw Error(kind, what_failed + ": " + without_places(api().GetErrorMessage(status)));
}

// Calls a function whose last parameter is where its result goes, and returns the result.
template <typename Result, typename Function, typename... Arguments>
Result get(ErrorKind kind, const std::string& what_failed, const Function& function, Arguments... arguments) {
  Result result{};
  check(function(arguments..., &result), kind, what_failed);
  return result;
}

}  // namespace rmbg::ort
