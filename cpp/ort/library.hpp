// ONNX Runtime's shared library, loaded at run time by full path and kept for the life of the process.
#pragma once

#include <cstdint>
#include <string>

#include "ort/abi.hpp"

namespace rmbg::ort {

// What the runtime prints to stderr, of its own accord, for the environment and for every session.
inline constexpr OrtLoggingLevel kLogLevel = ORT_LOGGING_LEVEL_FATAL;

struct LibraryInfo {
  std::string path;           // full path of the loaded library, UTF-8
  std::string version;        // "1.31.1"
  std::uint32_t api_version;  // the C API version in use
  std::string build;          // the library's own words on its build: commit, type, compiler flags
};

// Loads the library once; later calls with any path return at once. Thread-safe.
// Throws Error(runtime_not_found) that names the path, the library's version and the oldest one we need.
void load_library(const std::string& path);

bool library_loaded();
// These three throw Error(runtime_not_found) before load_library succeeded.
const LibraryInfo& library_info();
const Api& api();
OrtEnv* environment();  // one for the process, never released: sessions may outlive static destruction

}  // namespace rmbg::ort
