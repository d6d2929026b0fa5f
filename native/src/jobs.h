// The jobs of kernels, and the table of the kernels of one instruction set.
#pragma once

#include <atomic>
#include <cstdint>

#include "peerspec_native.h"

namespace peerspec {

// A kernel does the part [begin, end) of a job. The unit is the kernel's own: rows, tokens or touched rows.
template <class Job>
using Kernel = peerspec_status (*)(const Job& job, int64_t begin, int64_t end);

// The integer type of a sort key: the order of a score and its position in one word, so that a larger key means a
// larger score, or an equal score at a lower position.
template <class T>
struct KeyOf;
template <>
struct KeyOf<float> {
  using Type = int64_t;
};
template <>
struct KeyOf<double> {
  using Type = __int128;
};

// Writes the positions of the k largest values to `out`, descending, equal values by lower position (stable top-k).
// `keys` is scratch memory of `count` keys.
void sort_best(const int32_t* values, int64_t* keys, int64_t count, int64_t k, int64_t* out);
void sort_best(const int64_t* values, __int128* keys, int64_t count, int64_t k, int64_t* out);

struct SelectRule {
  int64_t n, k, k_half, num_cells;  // k_half = min(k, n), the candidates of each half
  const int32_t *cell1, *cell2;     // the staircase: pairs of ranks in row-major order
};

struct SelectJob {
  SelectRule rule;
  const void *scores1, *scores2;
  void* scores;
  int64_t* ids;
};

// Queries, `columns_together` columns for `tokens_together` tokens at a time; whole panels but for the last.
struct QueryJob {
  peerspec_router router;
  int64_t tokens;
  const void* x;
  void* q;
  int64_t tokens_together, columns_together;
};

// Packs the sub-keys into panels: [key heads, halves, panels, d/2, lanes].
struct PackJob {
  peerspec_router router;
  void* panels;
};

struct RetrieveJob {
  peerspec_router router;
  SelectRule rule;
  int64_t tokens;
  const void *q, *panels;
  void* scores;
  int64_t* ids;
};

struct RetrieveBackwardJob {
  peerspec_router router;
  int64_t tokens;
  const void* q;
  const int64_t* ids;
  const void* dscores;
  void *dq, *dkeys;
  int32_t* sub_keys;  // scratch memory: first and second sub-key of each pair
};

struct ExpertStageJob {
  peerspec_experts experts;
  int64_t tokens, pairs;
  const void* x;
  const int64_t* ids;
  const void* gates;
  void* y;
};

// All stages, for `tokens_together` tokens at a time.
struct ForwardJob {
  QueryJob query;        // only router and x are read
  RetrieveJob retrieve;  // q unused
  ExpertStageJob expert_stage;
  Kernel<ExpertStageJob> expert_stage_kernel;  // for the format of the experts
  void* gates;                                 // expert_stage.gates, to be written
  int64_t tokens_together;
  std::atomic<int64_t>* next;  // the first token that no thread has taken
};

struct GateJob {
  int32_t gate;
  int64_t k;
  const void* scores;
  void* gates;
};

struct ExpertStageBackwardJob {
  ExpertStageJob forward;  // y unused
  const void* dy;
  void *dx, *dgates, *u_weights, *v_weights, *w_weights;
};

struct GatherSumJob {
  int64_t num_rows, width, tokens, pairs;
  const void* table;
  const int64_t* ids;
  const void* weights;
  void* out;
};

struct ScatterSumJob {
  int64_t width, pairs;
  const int64_t *order, *starts;
  const void *weights, *x;
  void* out;
  bool past_caches = false;  // `out` and its rows are aligned to cache lines, and too large for the caches
};

struct UpdateJob {
  int64_t num_rows, width;
  const int64_t* touched;
  const void* gradients;  // null if `sums` describes them
  ScatterSumJob sums;
  void *table, *first, *second;  // state: the sums of Adagrad, or the two moments of Adam
  double rate, epsilon, beta1, beta2;
  int64_t step;
};

// One kernel for each peerspec_format that it supports: all five, all but I8 (four), or F32 and F64 (two).
struct Kernels {
  Kernel<SelectJob> select[2];
  Kernel<QueryJob> query[4];
  Kernel<PackJob> pack[4];
  Kernel<RetrieveJob> retrieve[2];
  Kernel<RetrieveBackwardJob> query_gradients[4], key_gradients[2];
  Kernel<GateJob> gates[2];
  Kernel<ForwardJob> forward[4];
  Kernel<ExpertStageJob> expert_stage[5];
  Kernel<ExpertStageBackwardJob> expert_stage_backward[4];
  Kernel<GatherSumJob> gather_sum[4];
  Kernel<ScatterSumJob> scatter_sum[2];
  Kernel<UpdateJob> update[3][4];  // by peerspec_optimiser
};

extern const Kernels plain_kernels;
#if defined(__x86_64__)
#define PEERSPEC_X86
extern const Kernels avx2_kernels, avx512_kernels;
#endif

}  // namespace peerspec
