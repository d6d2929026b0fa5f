// What kernels are asked to do, and the table in which each instruction set offers them.
#pragma once

#include <atomic>
#include <cstdint>

#include "peerspec_native.h"

namespace peerspec {

// A kernel does the part [begin, end) of a job: rows, tokens or touched rows.
template <class Job>
using Kernel = peerspec_status (*)(const Job& job, int64_t begin, int64_t end);

// The order of a score, as an integer, and its position, in one word: comparing words is comparing (larger score, then
// lower position).
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

// The places of the k largest values, descending, equal ones by place; `keys` is scratch.
void sort_best(const int32_t* values, int64_t* keys, int64_t count, int64_t k, int64_t* out);
void sort_best(const int64_t* values, __int128* keys, int64_t count, int64_t k, int64_t* out);

struct SelectRule {
  int64_t n, k, kept, num_cells;  // kept = min(k, n) of each half
  const int32_t *cell1, *cell2;   // the staircase: rank pairs in row-major order
};

struct SelectJob {
  SelectRule rule;
  const void *scores1, *scores2;
  void* scores;
  int64_t* ids;
};

// Columns of a query that one part computes: a multiple of every kernel's rows_together.
constexpr int64_t columns_a_part = 96;

struct QueryJob {
  peerspec_router router;
  int64_t tokens;
  const void* x;
  void* q;
};

// The sub-keys as panels: [key heads, halves, panels, d/2, lanes].
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
  int32_t* sub_keys;  // scratch: the first and the second of each pair
};

struct ExpertJob {
  peerspec_experts experts;
  int64_t tokens, pairs;
  const void* x;
  const int64_t* ids;
  const void* gates;
  void* y;
};

// All stages: the parts are tokens, `together` at a time.
struct ForwardJob {
  QueryJob query;        // q unused
  RetrieveJob retrieve;  // q unused
  ExpertJob expert_stage;
  Kernel<ExpertJob> mixer;  // for the format of the experts
  void* gates;           // where expert_stage.gates points to
  int64_t together;
  std::atomic<int64_t>* next;
};

struct GateJob {
  int32_t gate;
  int64_t k;
  const void* scores;
  void* gates;
};

struct BackwardJob {
  ExpertJob forward;  // y unused
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
};

struct UpdateJob {
  int64_t num_rows, width;
  const int64_t* touched;
  const void* gradients;  // null where `sums` says how to sum them
  ScatterSumJob sums;
  void *table, *first, *second;  // the state: sums of Adagrad, or the two moments of Adam
  double rate, epsilon, beta1, beta2;
  int64_t step;
};

// One entry per peerspec_format; where I8 makes no sense, four, and where only F32 and F64 do, two.
struct Kernels {
  Kernel<SelectJob> select[2];
  Kernel<QueryJob> query[4];
  Kernel<PackJob> pack[4];
  Kernel<RetrieveJob> retrieve[2];
  Kernel<RetrieveBackwardJob> query_gradients[4], key_gradients[2];
  Kernel<GateJob> gates[2];
  Kernel<ForwardJob> forward[4];
  Kernel<ExpertJob> expert_stage[5];
  Kernel<BackwardJob> backward[4];
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
