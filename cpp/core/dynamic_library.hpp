// The platform's loader of shared libraries. What is opened stays open.
#pragma once

#include <filesystem>
#include <string>

namespace rmbg {

// Paths arrive as UTF-8 (on POSIX: as the bytes of the file name).
std::filesystem::path to_path(const std::string& utf8);
std::string to_utf8(const std::filesystem::path& path);

struct DynamicLibrary {
  void* handle = nullptr;  // null when the library cannot be opened
  std::string error;       // then the loader's own message, which names the missing library where the platform tells
};

DynamicLibrary open_dynamic_library(const std::filesystem::path& path);
void* find_symbol(const DynamicLibrary& library, const char* name);  // null: no such symbol

}  // namespace rmbg
