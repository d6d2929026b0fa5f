// The expert stage and its gradients (SPEC.md, EXP-1, EXP-2, OUT-1), for `group_size` experts at a time: fetch their
// rows, activate their inner products, add their outputs.
#pragma once

namespace peerspec {
namespace {

// Prefetches the rows of the group of pairs that starts at pair `from` of all, before pair `end`: another thread may
// write later ids at this time. Their ids are not checked yet; a prefetch of a wrong address does nothing.
template <class F>
PEERSPEC_INLINE void prefetch_experts(const ExpertStageJob& job, int64_t from, int64_t end) {
  const peerspec_experts& e = job.experts;
  if (from >= end) return;
  const int64_t count = end - from < group_size ? end - from : group_size;
  prefetch<F>({e.u, e.u_scales}, job.ids + from, count, e.d_model);
  if (e.w) prefetch<F>({e.w, e.w_scales}, job.ids + from, count, e.d_model);
  prefetch<F>({e.v, e.v_scales}, job.ids + from, count, e.d_out);
}

// Adds the outputs of `count` pairs of token `t` to its y; `at` is the number of the first of them among all pairs.
template <class F>
void add_pairs(const ExpertStageJob& job, int64_t t, int64_t at, int64_t count) {
  using T = typename F::Compute;
  const peerspec_experts& e = job.experts;
  const int64_t* ids = job.ids + at;
  const T* x = static_cast<const T*>(job.x) + t * e.d_model;
  const T* gates = static_cast<const T*>(job.gates) + at;
  T inner[group_size] = {}, gating[group_size] = {}, active[group_size], weights[group_size];
  gather_dot<F>({e.u, e.u_scales}, ids, count, x, e.d_model, inner);
  if (e.w) gather_dot<F>({e.w, e.w_scales}, ids, count, x, e.d_model, gating);
  activate(e.activation, e.w ? gating : inner, active);
  for (int64_t r = 0; r < count; r++) weights[r] = gates[r] * (e.w ? active[r] * inner[r] : active[r]);
  add_rows<F>({e.v, e.v_scales}, ids, count, weights, e.d_out, static_cast<T*>(job.y) + t * e.d_out);
}

template <class F>
peerspec_status expert_stage(const ExpertStageJob& job, int64_t begin, int64_t end) {
  const int64_t pairs = job.pairs, width = job.experts.d_out;
  prefetch_experts<F>(job, begin * pairs, end * pairs);
  for (int64_t t = begin; t < end; t++) {
    if (!in_range(job.ids + t * pairs, pairs, job.experts.num_experts)) return PEERSPEC_BAD_ID;
    clear(static_cast<typename F::Compute*>(job.y) + t * width, width);
    for (int64_t k = 0; k < pairs; k += group_size) {
      const int64_t count = pairs - k < group_size ? pairs - k : group_size, at = t * pairs + k;
      prefetch_experts<F>(job, at + count, end * pairs);
      add_pairs<F>(job, t, at, count);
    }
  }
  return PEERSPEC_OK;
}

// The gradients of `count` pairs of token `t`; `at` is the number of the first of them among all pairs.
//
// With z = v·dy, the gradient of a gate is the expert's weight · z. The gradient of an inner product is
// gate · z · derivative: with this weight the expert's row enters dx, and the token enters the gradient of the row.
template <class F>
void pairs_backward(const ExpertStageBackwardJob& job, int64_t t, int64_t at, int64_t count) {
  using T = typename F::Compute;
  const ExpertStageJob& forward = job.forward;
  const peerspec_experts& e = forward.experts;
  const int64_t* ids = forward.ids + at;
  const T *x = static_cast<const T*>(forward.x) + t * e.d_model, *dy = static_cast<const T*>(job.dy) + t * e.d_out;
  const T* gates = static_cast<const T*>(forward.gates) + at;
  T *dx = static_cast<T*>(job.dx) + t * e.d_model, *dgates = static_cast<T*>(job.dgates) + at;
  T *of_u = static_cast<T*>(job.u_weights) + at, *of_v = static_cast<T*>(job.v_weights) + at;
  T* of_w = e.w ? static_cast<T*>(job.w_weights) + at : nullptr;
  T inner[group_size] = {}, gating[group_size] = {}, active[group_size], z[group_size];
  gather_dot<F>(e.u, ids, count, x, e.d_model, inner);
  if (e.w) gather_dot<F>(e.w, ids, count, x, e.d_model, gating);
  gather_dot<F>(e.v, ids, count, dy, e.d_out, z);
  activate(e.activation, e.w ? gating : inner, active);
  for (int64_t r = 0; r < count; r++) {
    const T gradient = gates[r] * z[r];
    const T weight = e.w ? active[r] * inner[r] : active[r];
    const T derivative = activate_derivative(e.activation, e.w ? gating[r] : inner[r]);
    dgates[r] = weight * z[r];
    of_v[r] = gates[r] * weight;
    of_u[r] = gradient * (e.w ? active[r] : derivative);
    if (e.w) of_w[r] = gradient * (derivative * inner[r]);
  }
  add_rows<F>(e.u, ids, count, of_u, e.d_model, dx);
  if (e.w) add_rows<F>(e.w, ids, count, of_w, e.d_model, dx);
}

template <class F>
peerspec_status expert_stage_backward(const ExpertStageBackwardJob& job, int64_t begin, int64_t end) {
  const ExpertStageJob& forward = job.forward;
  const int64_t pairs = forward.pairs, width = forward.experts.d_model;
  prefetch_experts<F>(forward, begin * pairs, end * pairs);
  for (int64_t t = begin; t < end; t++) {
    if (!in_range(forward.ids + t * pairs, pairs, forward.experts.num_experts)) return PEERSPEC_BAD_ID;
    clear(static_cast<typename F::Compute*>(job.dx) + t * width, width);
    for (int64_t k = 0; k < pairs; k += group_size) {
      const int64_t count = pairs - k < group_size ? pairs - k : group_size, at = t * pairs + k;
      prefetch_experts<F>(forward, at + count, end * pairs);
      pairs_backward<F>(job, t, at, count);
    }
  }
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
