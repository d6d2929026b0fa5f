// Helpers of the C interface: checks of arguments, the choice of an instruction set, the staircase.
#pragma once

#include <algorithm>
#include <new>
#include <vector>

#include "jobs.h"

namespace peerspec {

// The kernels of the instruction set that `run` names; null if this processor does not have it.
const Kernels* kernels_of(const peerspec_run& run);

inline bool is_format(int32_t format) { return format >= PEERSPEC_F32 && format <= PEERSPEC_F16; }
inline bool is_compute_format(int32_t format) { return format == PEERSPEC_F32 || format == PEERSPEC_F64; }

inline bool has_scales(const peerspec_experts& e) { return e.u_scales && e.v_scales && !e.w == !e.w_scales; }

inline bool valid(const peerspec_experts& e) {
  return (is_format(e.format) || (e.format == PEERSPEC_I8 && has_scales(e))) && e.activation >= PEERSPEC_RELU &&
         e.activation <= PEERSPEC_IDENTITY && e.num_experts > 0 && e.d_model > 0 && e.d_out > 0;
}

// The cells (a, b) of the grid of ranks with (a+1)(b+1) <= k, in row-major order.
class Staircase {
 public:
  Staircase(int64_t n, int64_t k) : n(n), k(k), k_half(std::min(k, n)) {
    for (int64_t a = 0; a < k_half; a++)
      for (int64_t b = 0; b < k_half && (a + 1) * (b + 1) <= k; b++) {
        first.push_back(int32_t(a));
        second.push_back(int32_t(b));
      }
  }

  SelectRule rule() const { return {n, k, k_half, int64_t(first.size()), first.data(), second.data()}; }

 private:
  int64_t n, k, k_half;
  std::vector<int32_t> first, second;
};

// Returns what `body` returns. No exception may pass through the C interface.
template <class Body>
int32_t guarded(const Body& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return PEERSPEC_NO_MEMORY;
  }
}

}  // namespace peerspec
