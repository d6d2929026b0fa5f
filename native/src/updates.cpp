// The C interface of the steps of optimisers.
#include "api.h"
#include "parallel.h"

namespace peerspec {
namespace {

// A part must be large enough to hide the cost of its start, and small enough to balance the threads.
constexpr int64_t touched_per_part = 256;

bool valid(const UpdateJob& job, int32_t optimiser, int32_t format, int64_t num_touched) {
  return optimiser >= PEERSPEC_SGD && optimiser <= PEERSPEC_ADAM && is_format(format) && job.num_rows > 0 &&
         job.width > 0 && num_touched >= 0 && job.step > 0 && (optimiser == PEERSPEC_SGD || job.first) &&
         (optimiser != PEERSPEC_ADAM || job.second);
}

int32_t update(const peerspec_run& run, int32_t optimiser, int32_t format, int64_t num_touched, const UpdateJob& job) {
  const Kernels* kernels = kernels_of(run);
  if (!kernels || !valid(job, optimiser, format, num_touched)) return PEERSPEC_BAD_ARGUMENT;
  return guarded([&] { return in_parts(run, num_touched, touched_per_part, kernels->update[optimiser][format], job); });
}

}  // namespace
}  // namespace peerspec

using namespace peerspec;

int32_t peerspec_update_rows(const peerspec_run* run, int32_t optimiser, int32_t format, int64_t num_rows,
                             int64_t width, int64_t num_touched, const int64_t* touched, const void* gradients,
                             void* table, void* first, void* second, double rate, double epsilon, double beta1,
                             double beta2, int64_t step) {
  if (!gradients && num_touched) return PEERSPEC_BAD_ARGUMENT;
  const UpdateJob job{num_rows, width, touched, gradients, {}, table, first, second, rate, epsilon, beta1, beta2, step};
  return update(*run, optimiser, format, num_touched, job);
}

int32_t peerspec_scatter_update(const peerspec_run* run, int32_t optimiser, int32_t format, int64_t num_rows,
                                int64_t width, int64_t pairs, int64_t num_touched, const int64_t* order,
                                const int64_t* touched, const int64_t* starts, const void* weights, const void* x,
                                void* table, void* first, void* second, double rate, double epsilon, double beta1,
                                double beta2, int64_t step) {
  if (pairs < 1) return PEERSPEC_BAD_ARGUMENT;
  const ScatterSumJob sums{width, pairs, order, starts, weights, x, nullptr};
  const UpdateJob job{num_rows, width, touched, nullptr, sums, table, first, second, rate, epsilon, beta1, beta2, step};
  return update(*run, optimiser, format, num_touched, job);
}
