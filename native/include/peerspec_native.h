/* The native core of peerspec: the layer and its gradients on the CPU (SPEC.md, chapters 2 to 4 and 6).
 *
 * Plain C without dependencies. All arrays are row-major and contiguous. Tables have one of five formats; every
 * other real array has the compute dtype of the table (PRC-2): double for F64, else float. Ids are int64_t. I8 is
 * for inference only: a row is int8_t numbers times one float, each product rounded to float.
 *
 * Results do not depend on the number of threads, and the result of a token does not depend on its batch: each
 * value is summed in one order. AVX2 and AVX-512 give the same bits. PLAIN has no fused multiply-add on x86 and may
 * round differently.
 */
#ifndef PEERSPEC_NATIVE_H
#define PEERSPEC_NATIVE_H

#include <stdint.h>

#if defined(__GNUC__)
#define PEERSPEC_API __attribute__((visibility("default")))
#else
#define PEERSPEC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum peerspec_format { PEERSPEC_F32, PEERSPEC_F64, PEERSPEC_BF16, PEERSPEC_F16, PEERSPEC_I8 };
enum peerspec_activation { PEERSPEC_RELU, PEERSPEC_GELU, PEERSPEC_GELU_TANH, PEERSPEC_SILU, PEERSPEC_IDENTITY };
enum peerspec_gate { PEERSPEC_SOFTMAX, PEERSPEC_SIGMOID };
enum peerspec_isa { PEERSPEC_BEST = -1, PEERSPEC_PLAIN, PEERSPEC_AVX2, PEERSPEC_AVX512 };

/* The status that a call returns. Outputs are undefined unless it is PEERSPEC_OK. */
enum peerspec_status { PEERSPEC_OK, PEERSPEC_BAD_ID, PEERSPEC_NO_MEMORY, PEERSPEC_BAD_ARGUMENT };

typedef void (*peerspec_task)(void* argument, int64_t index);

/* How to run: on `threads` threads of the core, which sleep between calls, or, if `for_each` is not null, on the
 * threads of the caller, of which `threads` work at once. `for_each` runs each task once, in any order and on any
 * thread, and returns after the last one. */
typedef struct peerspec_run {
  int32_t threads;
  int32_t isa; /* a peerspec_isa, at most peerspec_best_isa() */
  void (*for_each)(void* pool, int64_t count, peerspec_task task, void* argument);
  void* pool;
} peerspec_run;

/* The tables before the experts: `weight` [h, d, D], `bias` [h, d] or null, `keys` [key_heads, 2, n, d/2], all of
 * one format. key_heads is 1 or h; there are n sub-keys for each half and k experts for each head. */
typedef struct peerspec_router {
  int32_t format, gate;
  int64_t d_model, heads, d_key, key_heads, n, k;
  const void *weight, *bias, *keys;
} peerspec_router;

/* The expert tables: u [N, D], v [N, M], and w [N, D] for GLU experts, else null. For I8 also the scales [N] of the
 * rows of each table; only `peerspec_expert_stage` and `peerspec_forward` accept I8. */
typedef struct peerspec_experts {
  int32_t format, activation;
  int64_t num_experts, d_model, d_out;
  const void *u, *v, *w;
  const float *u_scales, *v_scales, *w_scales;
} peerspec_experts;

/* Increased with every incompatible change of this file. */
#define PEERSPEC_INTERFACE 4

/* The PEERSPEC_INTERFACE of the library. */
PEERSPEC_API int32_t peerspec_interface(void);

/* The best peerspec_isa of this build on this processor. */
PEERSPEC_API int32_t peerspec_best_isa(void);

/* The first k experts of each row in the selection order (SEL-1, SEL-2), 1 <= k <= n*n: from two arrays of half
 * scores [rows, n] to scores and ids [rows, k]. `format` is F32 or F64. A NaN ranks below every number; ids are
 * always distinct. */
PEERSPEC_API int32_t peerspec_select(const peerspec_run* run, int32_t format, int64_t rows, int64_t n, int64_t k,
                                     const void* scores1, const void* scores2, void* scores, int64_t* ids);

/* Queries q [T, h, d] of tokens x [T, D] (QRY-1), before the query norm. */
PEERSPEC_API int32_t peerspec_query(const peerspec_run* run, const peerspec_router* router, int64_t tokens,
                                    const void* x, void* q);

/* Scores and ids [T, h, k] of queries q [T, h, d] after the query norm (SCO-1, SEL-1, SEL-2). Half scores are not
 * stored. `weight`, `bias` and `d_model` of the router are not read. */
PEERSPEC_API int32_t peerspec_retrieve(const peerspec_run* run, const peerspec_router* router, int64_t tokens,
                                       const void* q, void* scores, int64_t* ids);

/* The gradients of q [T, h, d] and of the sub-keys [key_heads, 2, n, d/2], from dscores [T, h, k], the gradients of
 * the scores of `ids`. Both are in the compute dtype; each element is summed in the order of tokens, heads and
 * ranks. Reads the same fields of the router as peerspec_retrieve. */
PEERSPEC_API int32_t peerspec_retrieve_backward(const peerspec_run* run, const peerspec_router* router, int64_t tokens,
                                                const void* q, const int64_t* ids, const void* dscores, void* dq,
                                                void* dkeys);

/* The layer without query norm: y [T, M] of tokens x [T, D], and its routing: scores, ids and gates [T, h, k]. It
 * gives the same bits as peerspec_query, peerspec_retrieve, peerspec_gates and peerspec_expert_stage in sequence,
 * and is faster. The formats of router and experts may differ if their compute dtype is the same. */
PEERSPEC_API int32_t peerspec_forward(const peerspec_run* run, const peerspec_router* router,
                                      const peerspec_experts* experts, int64_t tokens, const void* x, void* y,
                                      void* scores, int64_t* ids, void* gates);

/* Gates [lists, k] of scores [lists, k], each list sorted, best first (GAT-1 … GAT-3). `format` is F32 or F64. */
PEERSPEC_API int32_t peerspec_gates(const peerspec_run* run, int32_t format, int32_t gate, int64_t lists, int64_t k,
                                    const void* scores, void* gates);

/* y [T, M] of tokens x [T, D] and of the ids and gates [T, K] of their experts (EXP-1, EXP-2, OUT-1); K is `pairs`. */
PEERSPEC_API int32_t peerspec_expert_stage(const peerspec_run* run, const peerspec_experts* experts, int64_t tokens,
                                           int64_t pairs, const void* x, const int64_t* ids, const void* gates,
                                           void* y);

/* The gradients of the expert stage from dy [T, M]: dx [T, D], through the experts only, and dgates [T, K]. Also
 * the weights [T, K] of the gradients of the tables: x of a token enters the gradients of its rows of u and w with
 * these weights, and dy those of v (see peerspec_scatter_sum). `w_weights` is null if experts->w is null. */
PEERSPEC_API int32_t peerspec_expert_stage_backward(const peerspec_run* run, const peerspec_experts* experts,
                                                    int64_t tokens, int64_t pairs, const void* x, const int64_t* ids,
                                                    const void* gates, const void* dy, void* dx, void* dgates,
                                                    void* u_weights, void* v_weights, void* w_weights);

/* out [T, width]: for each token the weighted sum of the rows of a table [N, width] that it selects. */
PEERSPEC_API int32_t peerspec_gather_sum(const peerspec_run* run, int32_t format, int64_t num_rows, int64_t width,
                                         int64_t tokens, int64_t pairs, const void* table, const int64_t* ids,
                                         const void* weights, void* out);

/* Sorts the positions 0 .. count-1 by id, stably. Writes the sorted positions to `order` [count], the distinct ids,
 * ascending, to `touched`, their number to `num_touched`, and to `starts` the index in `order` where the positions
 * of each id start, and `count` at the end. `touched` has room for min(count, num_rows) ids, `starts` for one more
 * number. */
PEERSPEC_API int32_t peerspec_sort_ids(int64_t count, int64_t num_rows, const int64_t* ids, int64_t* order,
                                       int64_t* touched, int64_t* starts, int64_t* num_touched);

/* out [num_touched, width]: for each touched row the sum of weights[p] * x[p / pairs, :] over its positions p.
 * `format` is that of x, weights and out: F32 or F64. */
PEERSPEC_API int32_t peerspec_scatter_sum(const peerspec_run* run, int32_t format, int64_t width, int64_t pairs,
                                          int64_t num_touched, const int64_t* order, const int64_t* starts,
                                          const void* weights, const void* x, void* out);

enum peerspec_optimiser { PEERSPEC_SGD, PEERSPEC_ADAGRAD, PEERSPEC_ADAM };

/* One step of an optimiser on the touched rows of a table [num_rows, width], in place; all other rows keep their
 * bits. `touched` holds distinct rows; `gradients` [num_touched, width] and the state are in the compute dtype. SGD
 * has no state. ADAGRAD is row-wise: `first` [num_rows] is the sum of the mean squares of the gradients of each
 * row. ADAM is lazy: `first` and `second` [num_rows, width] are its moments, which decay only when a row is
 * touched; `step` counts from 1. SGD and ADAGRAD equal an update of all rows; lazy ADAM does not equal ADAM. */
PEERSPEC_API int32_t peerspec_update_rows(const peerspec_run* run, int32_t optimiser, int32_t format, int64_t num_rows,
                                          int64_t width, int64_t num_touched, const int64_t* touched,
                                          const void* gradients, void* table, void* first, void* second, double rate,
                                          double epsilon, double beta1, double beta2, int64_t step);

/* The same step with the gradients that peerspec_scatter_sum returns, to the bit, without storing them. */
PEERSPEC_API int32_t peerspec_scatter_update(const peerspec_run* run, int32_t optimiser, int32_t format,
                                             int64_t num_rows, int64_t width, int64_t pairs, int64_t num_touched,
                                             const int64_t* order, const int64_t* touched, const int64_t* starts,
                                             const void* weights, const void* x, void* table, void* first, void* second,
                                             double rate, double epsilon, double beta1, double beta2, int64_t step);

/* Adds 1 and the gate to the row of `sums` [num_experts, 2] of each selected expert, for the tokens whose `mask`
 * [tokens] is not 0; all tokens if it is null. Gates [tokens, pairs] are F32 or F64. Nothing is added if an id lies
 * outside 0 .. num_experts-1. */
PEERSPEC_API int32_t peerspec_count_experts(const peerspec_run* run, int32_t format, int64_t num_experts,
                                            int64_t tokens, int64_t pairs, const int64_t* ids, const void* gates,
                                            const uint8_t* mask, double* sums);

#ifdef __cplusplus
}
#endif

#endif
