// The one exception type of the core. Its kind picks the Python class in bindings/errors.cpp.
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

}  // namespace rmbg
