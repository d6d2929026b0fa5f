// The C interface: checks, the instruction set, and the parts in which a job is done.
#include "api.h"

#include "parallel.h"

#ifdef PEERSPEC_X86
#include <cpuid.h>
#endif

namespace peerspec {
namespace {

// Parts large enough to hide what handing them out costs, and small enough to balance.
constexpr int64_t rows_a_part = 16, tokens_a_part = 2, touched_a_part = 256;

#ifdef PEERSPEC_X86
// Older compilers' __builtin_cpu_supports does not know it.
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
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
#ifdef PEERSPEC_X86
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi2") && has_f16c();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx2 ? avx512 ? PEERSPEC_AVX512 : PEERSPEC_AVX2 : PEERSPEC_PLAIN;
#else
  return PEERSPEC_PLAIN;
#endif
}

int32_t peerspec_select(const peerspec_run* run, int32_t format, int64_t rows, int64_t n, int64_t k,
                        const void* scores1, const void* scores2, void* scores, int64_t* ids) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !is_compute_format(format) || rows < 0 || n < 1 || n > INT32_MAX || k < 1 || k > n * n)
    return PEERSPEC_BAD_ARGUMENT;
  return guarded([&] {
    const Staircase staircase(n, k);
    const SelectJob job{staircase.rule(), scores1, scores2, scores, ids};
    return in_parts(*run, rows, rows_a_part, kernels->select[format], job);
  });
}

int32_t peerspec_expert_stage(const peerspec_run* run, const peerspec_experts* experts, int64_t tokens, int64_t pairs,
                     const void* x, const int64_t* ids, const void* gates, void* y) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !valid(*experts) || tokens < 0 || pairs < 1) return PEERSPEC_BAD_ARGUMENT;
  const ExpertJob job{*experts, tokens, pairs, x, ids, gates, y};
  return guarded([&] { return in_parts(*run, tokens, tokens_a_part, kernels->expert_stage[experts->format], job); });
}

int32_t peerspec_expert_stage_backward(const peerspec_run* run, const peerspec_experts* experts, int64_t tokens, int64_t pairs,
                              const void* x, const int64_t* ids, const void* gates, const void* dy, void* dx,
                              void* dgates, void* u_weights, void* v_weights, void* w_weights) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !valid(*experts) || !is_format(experts->format) || tokens < 0 || pairs < 1 ||
      !experts->w != !w_weights)
    return PEERSPEC_BAD_ARGUMENT;
  const ExpertJob forward{*experts, tokens, pairs, x, ids, gates, nullptr};
  const BackwardJob job{forward, dy, dx, dgates, u_weights, v_weights, w_weights};
  return guarded([&] { return in_parts(*run, tokens, tokens_a_part, kernels->backward[experts->format], job); });
}

int32_t peerspec_gather_sum(const peerspec_run* run, int32_t format, int64_t num_rows, int64_t width, int64_t tokens,
                               int64_t pairs, const void* table, const int64_t* ids, const void* weights, void* out) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !is_format(format) || num_rows < 1 || width < 1 || tokens < 0 || pairs < 1)
    return PEERSPEC_BAD_ARGUMENT;
  const GatherSumJob job{num_rows, width, tokens, pairs, table, ids, weights, out};
  return guarded([&] { return in_parts(*run, tokens, tokens_a_part, kernels->gather_sum[format], job); });
}

int32_t peerspec_scatter_sum(const peerspec_run* run, int32_t format, int64_t width, int64_t pairs, int64_t num_touched,
                             const int64_t* order, const int64_t* starts, const void* weights, const void* x,
                             void* out) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !is_compute_format(format) || width < 1 || pairs < 1 || num_touched < 0) return PEERSPEC_BAD_ARGUMENT;
  const ScatterSumJob job{width, pairs, order, starts, weights, x, out};
  return guarded([&] { return in_parts(*run, num_touched, touched_a_part, kernels->scatter_sum[format], job); });
}

namespace {

bool valid(const UpdateJob& job, int32_t optimiser, int32_t format, int64_t num_touched) {
  return optimiser >= PEERSPEC_SGD && optimiser <= PEERSPEC_ADAM && is_format(format) && job.num_rows > 0 &&
         job.width > 0 && num_touched >= 0 && job.step > 0 && (optimiser == PEERSPEC_SGD || job.first) &&
         (optimiser != PEERSPEC_ADAM || job.second);
}

int32_t updated(const peerspec_run& run, int32_t optimiser, int32_t format, int64_t num_touched, const UpdateJob& job) {
  const Kernels* kernels = kernels_of(run);
  if (!kernels || !valid(job, optimiser, format, num_touched)) return PEERSPEC_BAD_ARGUMENT;
  return guarded([&] { return in_parts(run, num_touched, touched_a_part, kernels->update[optimiser][format], job); });
}

}  // namespace

int32_t peerspec_update_rows(const peerspec_run* run, int32_t optimiser, int32_t format, int64_t num_rows,
                             int64_t width, int64_t num_touched, const int64_t* touched, const void* gradients,
                             void* table, void* first, void* second, double rate, double epsilon, double beta1,
                             double beta2, int64_t step) {
  if (!gradients && num_touched) return PEERSPEC_BAD_ARGUMENT;
  const UpdateJob job{num_rows, width, touched, gradients, {},    table, first,
                      second,   rate,  epsilon, beta1,     beta2, step};
  return updated(*run, optimiser, format, num_touched, job);
}

int32_t peerspec_scatter_update(const peerspec_run* run, int32_t optimiser, int32_t format, int64_t num_rows,
                               int64_t width, int64_t pairs, int64_t num_touched, const int64_t* order,
                               const int64_t* touched, const int64_t* starts, const void* weights, const void* x,
                               void* table, void* first, void* second, double rate, double epsilon, double beta1,
                               double beta2, int64_t step) {
  if (pairs < 1) return PEERSPEC_BAD_ARGUMENT;
  const ScatterSumJob sums{width, pairs, order, starts, weights, x, nullptr};
  const UpdateJob job{num_rows, width, touched, nullptr, sums, table, first,
                      second,   rate,  epsilon, beta1,   beta2,  step};
  return updated(*run, optimiser, format, num_touched, job);
}
