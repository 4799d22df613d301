// Stores past the caches, for results that would not stay there until they are read: a plain store first reads the line
// that it is going to overwrite. Lines must be written whole and one after the other, or it is slower than not at all.
// Only the AVX2 tier has them: with AVX-512 they gained nothing that could be measured (docs/kernels.md).
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__AVX2__) && !defined(__AVX512F__)
#include <immintrin.h>
#define RMBG_FAST_STREAMS 1
#else
#define RMBG_FAST_STREAMS 0
#endif

// Of a loop's body that is called in several places, and must not load its constants again at each call.
#if defined(__GNUC__)
#define RMBG_FAST_INLINE __attribute__((always_inline))
#else
#define RMBG_FAST_INLINE
#endif

namespace {

constexpr std::int32_t kLineBytes = 64;

#if RMBG_FAST_STREAMS
// Bytes from p to the next line; 0 where it begins one.
inline std::int32_t bytes_to_line(const void* p) {
  return static_cast<std::int32_t>(-reinterpret_cast<std::uintptr_t>(p) & (kLineBytes - 1));
}
#endif

// What was streamed is in memory before the caller tells another thread that it is.
inline void end_stream([[maybe_unused]] bool streamed) {
#if RMBG_FAST_STREAMS
  if (streamed) _mm_sfence();
#endif
}

}  // namespace
