#include "ort/status.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace rmbg::ort {
namespace {

// The position behind the bracket that closes the one at `at`; the end where none does.
std::size_t behind_bracket(std::string_view text, std::size_t at) {
  int open = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '(' || text[at] == '[') ++open;
    if ((text[at] == ')' || text[at] == ']') && --open == 0) return at + 1;
  }
  return at;
}

bool continues(std::string_view text, std::size_t at, std::string_view with) {
  return text.substr(at, with.size()) == with;
}

// Behind the signature of a function as compilers write it: "R space::f<T>(A, B) const [with T = C]".
std::size_t behind_function(std::string_view text, std::size_t at) {
  int angles = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '<') ++angles;
    if (text[at] == '>') --angles;
    if (text[at] != '(' || angles > 0) continue;
    at = behind_bracket(text, at);
    if (continues(text, at, " const")) at += 6;
    if (continues(text, at, " [with ")) at = behind_bracket(text, at + 1);
    if (!continues(text, at, "::")) return at;  // else a lambda's, within that function
  }
  return at;
}

}  // namespace

std::string without_places(std::string message) {
  constexpr std::string_view kSource = "onnxruntime/", kFalse = " was false. ";
  for (std::size_t from = 0;;) {
    // "/onnxruntime_src/onnxruntime/core/bfc_arena.cc:359 void* onnxruntime::..."
    std::size_t colon = std::string::npos;
    for (const char* ending : {".cc:", ".h:", ".cpp:", ".hpp:", ".cu:", ".cuh:"}) {
      const std::size_t found = message.find(ending, from);
      if (found < colon) colon = found + std::string_view(ending).size() - 1;
    }
    if (colon == std::string::npos) break;
    std::size_t begin = message.find_last_of(" \n(", colon);
    begin = begin == std::string::npos ? 0 : begin + 1;
    std::size_t end = message.find_first_not_of("0123456789", colon + 1);
    if (end == std::string::npos) end = message.size();
    const std::string_view path(message.data() + begin, colon - begin);
    if (end == colon + 1 || path.find(kSource) == std::string_view::npos) {
      from = colon;
      continue;
    }
    end = behind_function(message, end);
    const std::size_t condition = message.find(kFalse, end);
    if (condition < message.find('\n', end)) end = condition + kFalse.size();
    while (end < message.size() && message[end] == ' ') ++end;
    message.erase(begin, end - begin);
    from = begin;
  }
  if (const std::size_t added = message.find(" ; GPU="); added != std::string::npos) message.erase(added);
  message.erase(message.find_last_not_of(" \n") + 1);
  return tells_of_memory(message) ? "there is not enough memory: " + message : message;
}

bool tells_of_memory(std::string_view message) {
  constexpr std::array kSigns{"Failed to allocate memory",
                              "is smaller than requested bytes",
                              "out of memory",
                              "_STATUS_ALLOC_FAILED",
                              "bad_alloc",
                              "bad allocation",
                              "Cannot allocate memory"};
  return std::any_of(kSigns.begin(), kSigns.end(),
                     [&](const char* sign) { return message.find(sign) != std::string_view::npos; });
}

}  // namespace rmbg::ort
