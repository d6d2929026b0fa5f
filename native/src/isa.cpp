// The instruction sets of this build and this processor, and the version of the interface.
#include "api.h"

#ifdef PEERSPEC_X86
#include <cpuid.h>
#endif

namespace peerspec {
namespace {

#ifdef PEERSPEC_X86
// Older compilers do not support this name in __builtin_cpu_supports.
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

int32_t detect() {
  __builtin_cpu_init();
  const bool avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") && has_f16c();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx2 ? avx512 ? PEERSPEC_AVX512 : PEERSPEC_AVX2 : PEERSPEC_PLAIN;
}
#else
int32_t detect() { return PEERSPEC_PLAIN; }
#endif

}  // namespace

const Kernels* kernels_of(const peerspec_run& run) {
  const int32_t best = peerspec_best_isa();
  if (run.isa < PEERSPEC_BEST || run.isa > best) return nullptr;
#ifdef PEERSPEC_X86
  switch (run.isa == PEERSPEC_BEST ? best : run.isa) {
    case PEERSPEC_AVX512:
      return &avx512_kernels;
    case PEERSPEC_AVX2:
      return &avx2_kernels;
  }
#endif
  return &plain_kernels;
}

}  // namespace peerspec

using namespace peerspec;

int32_t peerspec_interface(void) { return PEERSPEC_INTERFACE; }

int32_t peerspec_best_isa(void) {
  static const int32_t best = detect();  // once: on a virtual machine, asking the processor takes microseconds
  return best;
}
