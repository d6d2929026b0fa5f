// The C interface of gather_sum and scatter_sum.
#include "api.h"
#include "parallel.h"

namespace peerspec {
namespace {

// A part must be large enough to hide the cost of its start, and small enough to balance the threads.
constexpr int64_t touched_per_part = 256;

// Sums of more bytes than this are written past the caches: most would leave them before they are read, and a store
// through a cache reads the memory first.
constexpr int64_t max_cached = int64_t(48) << 20;
constexpr int64_t cache_line = 64;

bool past_caches(const void* out, int64_t row_bytes, int64_t rows) {
  const bool aligned = row_bytes % cache_line == 0 && reinterpret_cast<uintptr_t>(out) % cache_line == 0;
  return aligned && rows > max_cached / row_bytes;
}

}  // namespace
}  // namespace peerspec

using namespace peerspec;

int32_t peerspec_gather_sum(const peerspec_run* run, int32_t format, int64_t num_rows, int64_t width, int64_t tokens,
                            int64_t pairs, const void* table, const int64_t* ids, const void* weights, void* out) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !is_format(format) || num_rows < 1 || width < 1 || tokens < 0 || pairs < 1)
    return PEERSPEC_BAD_ARGUMENT;
  const GatherSumJob job{num_rows, width, tokens, pairs, table, ids, weights, out};
  return guarded([&] { return in_tokens(*run, tokens, kernels->gather_sum[format], job); });
}

int32_t peerspec_scatter_sum(const peerspec_run* run, int32_t format, int64_t width, int64_t pairs, int64_t num_touched,
                             const int64_t* order, const int64_t* starts, const void* weights, const void* x,
                             void* out) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !is_compute_format(format) || width < 1 || pairs < 1 || num_touched < 0) return PEERSPEC_BAD_ARGUMENT;
  const int64_t row_bytes = width * int64_t(format == PEERSPEC_F64 ? sizeof(double) : sizeof(float));
  const bool stream = past_caches(out, row_bytes, num_touched);
  const ScatterSumJob job{width, pairs, order, starts, weights, x, out, stream};
  return guarded([&] { return in_parts(*run, num_touched, touched_per_part, kernels->scatter_sum[format], job); });
}
