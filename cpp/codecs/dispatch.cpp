#include "codecs/dispatch.hpp"

#include <cstring>

#include "core/cpu.hpp"
#include "kernels/dispatch.hpp"

namespace rmbg::codecs {

#if defined(__aarch64__) || defined(_M_ARM64)
extern const CodecTable neon_table;
#else
extern const CodecTable baseline_table;
#endif
#if defined(__x86_64__) || defined(_M_X64)
extern const CodecTable avx2_table;
#endif

namespace {

const CodecTable& plain() {
#if defined(__aarch64__) || defined(_M_ARM64)
  return neon_table;
#else
  return baseline_table;
#endif
}

}  // namespace

std::vector<const CodecTable*> tiers() {
  std::vector<const CodecTable*> all{&reference_table, &plain()};
#if defined(__x86_64__) || defined(_M_X64)
  if (cpu_has_avx2_bmi2_clmul()) all.push_back(&avx2_table);
#endif
  return all;
}

const CodecTable& active() {
  const char* kernels = kernels::active().name;
  if (std::strcmp(kernels, "reference") == 0) return reference_table;
#if defined(__x86_64__) || defined(_M_X64)
  static const bool wide = cpu_has_avx2_bmi2_clmul();
  if (wide && std::strncmp(kernels, "avx", 3) == 0) return avx2_table;
#endif
  return plain();
}

}  // namespace rmbg::codecs
