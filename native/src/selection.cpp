// The C interface of selection.
#include "api.h"
#include "parallel.h"

namespace peerspec {
namespace {

// A part must be large enough to hide the cost of its start, and small enough to balance the threads.
constexpr int64_t rows_per_part = 16;

}  // namespace
}  // namespace peerspec

using namespace peerspec;

int32_t peerspec_select(const peerspec_run* run, int32_t format, int64_t rows, int64_t n, int64_t k,
                        const void* scores1, const void* scores2, void* scores, int64_t* ids) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !is_compute_format(format) || rows < 0 || n < 1 || n > INT32_MAX || k < 1 || k > n * n)
    return PEERSPEC_BAD_ARGUMENT;
  return guarded([&] {
    const Staircase staircase(n, k);
    const SelectJob job{staircase.rule(), scores1, scores2, scores, ids};
    return in_parts(*run, rows, rows_per_part, kernels->select[format], job);
  });
}
