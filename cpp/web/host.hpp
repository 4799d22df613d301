// What the module asks of the page's script (web/module/core.js).
#pragma once

#include <cstddef>

#define RMBG_FAST_IMPORT(name) __attribute__((import_module("host"), import_name(name)))
#define RMBG_FAST_EXPORT(name) extern "C" __attribute__((export_name(name)))

extern "C" {

// Leaves the call that is under way by a JavaScript exception. kind is an ErrorKind, or -1: no memory is left.
[[noreturn]] RMBG_FAST_IMPORT("fail") void rmbg_fast_fail(int kind, const char* text, std::size_t bytes);
// How much of the network has run, 0..1.
RMBG_FAST_IMPORT("progress") void rmbg_fast_progress(double done);

}  // extern "C"
