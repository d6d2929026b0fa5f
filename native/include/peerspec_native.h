/* The native core of peerspec: selection, experts and their gradients on the CPU (SPEC.md, chapters 2, 4 and 6).
 *
 * Plain C, no dependency, no global state. All arrays are row-major and contiguous. Tables are in one of five formats;
 * every other real array is in the compute dtype of the table (PRC-2): double for F64, else float. Ids are int64_t.
 * I8 is for inference: a row is int8_t numbers times a float of its own, the products rounded to float.
 *
 * Results do not depend on the number of threads, nor a token's on its batch: each value is summed in one order.
 * The instruction sets AVX2 and AVX-512 give the same bits; PLAIN has no fused multiply-add on x86 and may differ in rounding.
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

/* What a call returns; outputs are undefined unless it is PEERSPEC_OK. */
enum peerspec_status { PEERSPEC_OK, PEERSPEC_BAD_ID, PEERSPEC_NO_MEMORY, PEERSPEC_BAD_ARGUMENT };

typedef void (*peerspec_task)(void* argument, int64_t index);

/* How to run: on `threads` threads of the core's own, which sleep between calls, or, where `for_each` is given, through it
 * on the caller's, of which `threads` work at once. `for_each` returns when every task has been done, in any order, on any thread. */
typedef struct peerspec_run {
  int32_t threads;
  int32_t isa; /* a peerspec_isa that peerspec_best_isa() reaches */
  void (*for_each)(void* pool, int64_t count, peerspec_task task, void* argument);
  void* pool;
} peerspec_run;

/* What leads to the experts: `weight` [h, d, D], `bias` [h, d] or null, `keys` [key_heads, 2, n, d/2], all in one format;
 * key_heads is 1 or h; n sub-keys a half, and k experts a head. */
typedef struct peerspec_router {
  int32_t format, gate;
  int64_t d_model, heads, d_key, key_heads, n, k;
  const void *weight, *bias, *keys;
} peerspec_router;

/* The expert tables: u [N, D], v [N, M], and w [N, D] for a GLU expert, else null; and for I8 the scales [N] of the rows
 * of each table there is, which `peerspec_expert_stage` and `peerspec_forward` alone take. */
typedef struct peerspec_experts {
  int32_t format, activation;
  int64_t num_experts, d_model, d_out;
  const void *u, *v, *w;
  const float *u_scales, *v_scales, *w_scales;
} peerspec_experts;

/* Raised with every change of this file that a caller compiled against an older one would not survive. */
#define PEERSPEC_INTERFACE 3

/* The PEERSPEC_INTERFACE of the library. */
PEERSPEC_API int32_t peerspec_interface(void);

/* The best instruction set that this build and this processor have. */
PEERSPEC_API int32_t peerspec_best_isa(void);

/* The first k experts of each row under the selection order (SEL-1, SEL-2): half scores [rows, n] twice to scores and
 * ids [rows, k], 1 <= k <= n*n. `format` is F32 or F64. A NaN ranks below every number; ids are always distinct. */
PEERSPEC_API int32_t peerspec_select(const peerspec_run* run, int32_t format, int64_t rows, int64_t n, int64_t k,
                                     const void* scores1, const void* scores2, void* scores, int64_t* ids);

/* q [T, h, d] of tokens x [T, D] (QRY-1), before the query norm. */
PEERSPEC_API int32_t peerspec_query(const peerspec_run* run, const peerspec_router* router, int64_t tokens,
                                    const void* x, void* q);

/* Scores and ids [T, h, k] of queries q [T, h, d], after the query norm (SCO-1, SEL-1, SEL-2); half scores are never
 * written anywhere. `weight`, `bias` and `d_model` of the router are not read. */
PEERSPEC_API int32_t peerspec_retrieve(const peerspec_run* run, const peerspec_router* router, int64_t tokens,
                                       const void* q, void* scores, int64_t* ids);

/* From dscores [T, h, k] of those ids the gradients of q, [T, h, d], and of the sub-keys, in the compute dtype,
 * [key heads, 2, n, d/2], each element summed in the order of tokens, heads and ranks. Of the router the same is read. */
PEERSPEC_API int32_t peerspec_retrieve_backward(const peerspec_run* run, const peerspec_router* router, int64_t tokens,
                                                const void* q, const int64_t* ids, const void* dscores, void* dq,
                                                void* dkeys);

/* The layer without query norm: y [T, M] of tokens x [T, D], and the scores, ids and gates [T, h, k] on the way. The
 * same bits as peerspec_query, peerspec_retrieve, peerspec_gates and peerspec_expert_stage one after the other, in less time.
 * The experts may have another format than the router, with one compute dtype. */
PEERSPEC_API int32_t peerspec_forward(const peerspec_run* run, const peerspec_router* router,
                                      const peerspec_experts* experts, int64_t tokens, const void* x, void* y,
                                      void* scores, int64_t* ids, void* gates);

/* Gates [lists, k] of scores [lists, k], each list best first (GAT-1, GAT-2). `format` is F32 or F64. */
PEERSPEC_API int32_t peerspec_gates(const peerspec_run* run, int32_t format, int32_t gate, int64_t lists, int64_t k,
                                    const void* scores, void* gates);

/* y [T, M] of tokens x [T, D] with their experts and gates [T, K] (EXP-1, EXP-2, OUT-1). */
PEERSPEC_API int32_t peerspec_expert_stage(const peerspec_run* run, const peerspec_experts* experts, int64_t tokens,
                                  int64_t pairs, const void* x, const int64_t* ids, const void* gates, void* y);

/* From dy [T, M] the gradients of x, by the experts alone, [T, D], and of the gates [T, K]; and the weights [T, K] with
 * which a token's x enters the gradients of its rows of u and w, and its dy those of v: see peerspec_scatter_sum.
 * `w_weights` is null where experts->w is. */
PEERSPEC_API int32_t peerspec_expert_stage_backward(const peerspec_run* run, const peerspec_experts* experts, int64_t tokens,
                                           int64_t pairs, const void* x, const int64_t* ids, const void* gates,
                                           const void* dy, void* dx, void* dgates, void* u_weights, void* v_weights,
                                           void* w_weights);

/* out [T, width]: for each token the weighted sum of its rows of a table [N, width]. */
PEERSPEC_API int32_t peerspec_gather_sum(const peerspec_run* run, int32_t format, int64_t num_rows, int64_t width,
                                            int64_t tokens, int64_t pairs, const void* table, const int64_t* ids,
                                            const void* weights, void* out);

/* Sorts positions 0 .. count-1 by id, stably, into `order` [count]; the distinct ids, ascending, into `touched`, and
 * where each one's positions begin into `starts`, one more than there are ids. `touched` has room for min(count,
 * num_rows) ids, `starts` for one more; their number is written to `num_touched`. */
PEERSPEC_API int32_t peerspec_sort_ids(int64_t count, int64_t num_rows, const int64_t* ids, int64_t* order,
                                       int64_t* touched, int64_t* starts, int64_t* num_touched);

/* out [num_touched, width]: for each touched row the sum over its positions p of weights[p] * x[p / pairs, :]. `format`
 * is F32 or F64, that of x, weights and out. */
PEERSPEC_API int32_t peerspec_scatter_sum(const peerspec_run* run, int32_t format, int64_t width, int64_t pairs,
                                          int64_t num_touched, const int64_t* order, const int64_t* starts,
                                          const void* weights, const void* x, void* out);

enum peerspec_optimiser { PEERSPEC_SGD, PEERSPEC_ADAGRAD, PEERSPEC_ADAM };

/* One step of an optimiser on the touched rows of a table [num_rows, width], in place; the others keep their bits.
 * `touched` must be distinct, `gradients` is [num_touched, width] in the compute dtype, as is the state:
 * SGD has none; ADAGRAD is row-wise, `first` [num_rows] sums the mean square of each row's gradients; ADAM is lazy,
 * `first` and `second` [num_rows, width] are its moments, which do not decay where a row is not touched, and `step`
 * counts from 1. SGD and ADAGRAD are exactly what an update of all rows would do; lazy ADAM is another algorithm. */
PEERSPEC_API int32_t peerspec_update_rows(const peerspec_run* run, int32_t optimiser, int32_t format, int64_t num_rows,
                                          int64_t width, int64_t num_touched, const int64_t* touched,
                                          const void* gradients, void* table, void* first, void* second, double rate,
                                          double epsilon, double beta1, double beta2, int64_t step);

/* The same step with the gradients that peerspec_scatter_sum would write, bit for bit, which are never stored. */
PEERSPEC_API int32_t peerspec_scatter_update(const peerspec_run* run, int32_t optimiser, int32_t format,
                                            int64_t num_rows, int64_t width, int64_t pairs, int64_t num_touched,
                                            const int64_t* order, const int64_t* touched, const int64_t* starts,
                                            const void* weights, const void* x, void* table, void* first, void* second,
                                            double rate, double epsilon, double beta1, double beta2, int64_t step);

#ifdef __cplusplus
}
#endif

#endif
