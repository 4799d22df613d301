#include "core/dynamic_library.hpp"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <system_error>
#else
#include <dlfcn.h>
#endif

namespace rmbg {

std::filesystem::path to_path(const std::string& utf8) { return std::u8string(utf8.begin(), utf8.end()); }

std::string to_utf8(const std::filesystem::path& path) {
  const std::u8string utf8 = path.u8string();
  return {utf8.begin(), utf8.end()};
}

#ifdef _WIN32

DynamicLibrary open_dynamic_library(const std::filesystem::path& path) {
  // The altered search path looks for a library's dependencies beside it first. It wants backslashes.
  std::filesystem::path native = path;
  native.make_preferred();
  if (HMODULE handle = LoadLibraryExW(native.c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH)) return {handle, {}};
  const int code = static_cast<int>(GetLastError());
  return {nullptr, to_utf8(path) + ": " + std::system_category().message(code)};
}

void* find_symbol(const DynamicLibrary& library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library.handle), name));
}

#else

DynamicLibrary open_dynamic_library(const std::filesystem::path& path) {
  if (void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return {handle, {}};
  const char* message = dlerror();
  return {nullptr, message != nullptr ? message : "unknown error"};
}

void* find_symbol(const DynamicLibrary& library, const char* name) { return dlsym(library.handle, name); }

#endif

}  // namespace rmbg
