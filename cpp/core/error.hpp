// The one exception type of the core. Its kind picks the Python class in bindings/errors.cpp. What is built without
// exceptions too (net, pipeline, codecs) throws it by way of `fail`.
#pragma once

#include <stdexcept>
#include <string>

namespace rmbg {

enum class ErrorKind {
  image,
  image_too_large,
  option,
  model,
  model_file,
  model_output,
  runtime_not_found,
  device,
  memory,
  inference,
  queue_full,
  late,
  cancelled
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

#if defined(__cpp_exceptions)
[[noreturn]] inline void fail(ErrorKind kind, const std::string& message) { throw Error(kind, message); }
#else
// Of the host, which leaves the call that is under way (cpp/web).
[[noreturn]] void fail(ErrorKind kind, const std::string& message);
#endif

}  // namespace rmbg
