// The expert stage, fused: fetch the rows of eight experts, activate their products, add their outputs.
#pragma once

namespace peerspec {
namespace {

// The next group of this token, or the first of the next one; ids there are not yet checked, and a prefetch of a
// wrong address does nothing.
template <class F>
PEERSPEC_INLINE void prefetch_experts(const ExpertJob& job, int64_t from) {
  const peerspec_experts& e = job.experts;
  const int64_t total = job.tokens * job.pairs;
  if (from >= total) return;
  const int64_t count = total - from < group ? total - from : group;
  prefetch<F>({e.u, e.u_scales}, job.ids + from, count, e.d_model);
  if (e.w) prefetch<F>({e.w, e.w_scales}, job.ids + from, count, e.d_model);
  prefetch<F>({e.v, e.v_scales}, job.ids + from, count, e.d_out);
}

// Adds `count` pairs of token `t`, from pair `at` of all on, to its y.
template <class F>
void add_pairs(const ExpertJob& job, int64_t t, int64_t at, int64_t count) {
  using T = typename F::Compute;
  const peerspec_experts& e = job.experts;
  const int64_t* ids = job.ids + at;
  const T* x = static_cast<const T*>(job.x) + t * e.d_model;
  const T* gates = static_cast<const T*>(job.gates) + at;
  T inner[group] = {}, gating[group] = {}, active[group], weights[group];
  dots<F>({e.u, e.u_scales}, ids, count, x, e.d_model, inner);
  if (e.w) dots<F>({e.w, e.w_scales}, ids, count, x, e.d_model, gating);
  activate(e.activation, e.w ? gating : inner, active);
  for (int64_t r = 0; r < count; r++) weights[r] = gates[r] * (e.w ? active[r] * inner[r] : active[r]);
  add<F>({e.v, e.v_scales}, ids, count, weights, e.d_out, static_cast<T*>(job.y) + t * e.d_out);
}

template <class F>
peerspec_status expert_stage(const ExpertJob& job, int64_t begin, int64_t end) {
  const int64_t pairs = job.pairs, width = job.experts.d_out;
  prefetch_experts<F>(job, begin * pairs);
  for (int64_t t = begin; t < end; t++) {
    if (!in_range(job.ids + t * pairs, pairs, job.experts.num_experts)) return PEERSPEC_BAD_ID;
    clear(static_cast<typename F::Compute*>(job.y) + t * width, width);
    for (int64_t k = 0; k < pairs; k += group) {
      const int64_t count = pairs - k < group ? pairs - k : group, at = t * pairs + k;
      prefetch_experts<F>(job, at + count);
      add_pairs<F>(job, t, at, count);
    }
  }
  return PEERSPEC_OK;
}

// With z = v·dy: the gradient of a gate is the expert's weight times z, and that of an inner product
// gate · z · slope, with which the expert's row enters dx and the token enters the row's gradient.
template <class F>
peerspec_status backward(const BackwardJob& job, int64_t begin, int64_t end) {
  using T = typename F::Compute;
  const ExpertJob& forward = job.forward;
  const peerspec_experts& e = forward.experts;
  const int64_t pairs = forward.pairs;
  prefetch_experts<F>(forward, begin * pairs);
  for (int64_t t = begin; t < end; t++) {
    const T* x = static_cast<const T*>(forward.x) + t * e.d_model;
    const T* dy = static_cast<const T*>(job.dy) + t * e.d_out;
    T* dx = static_cast<T*>(job.dx) + t * e.d_model;
    if (!in_range(forward.ids + t * pairs, pairs, e.num_experts)) return PEERSPEC_BAD_ID;
    clear(dx, e.d_model);
    for (int64_t k = 0; k < pairs; k += group) {
      const int64_t count = pairs - k < group ? pairs - k : group, at = t * pairs + k;
      const int64_t* ids = forward.ids + at;
      const T* gates = static_cast<const T*>(forward.gates) + at;
      T *dgates = static_cast<T*>(job.dgates) + at, *of_u = static_cast<T*>(job.u_weights) + at;
      T *of_v = static_cast<T*>(job.v_weights) + at, *of_w = e.w ? static_cast<T*>(job.w_weights) + at : nullptr;
      prefetch_experts<F>(forward, at + count);
      T inner[group] = {}, gating[group] = {}, active[group], z[group];
      dots<F>(e.u, ids, count, x, e.d_model, inner);
      if (e.w) dots<F>(e.w, ids, count, x, e.d_model, gating);
      dots<F>(e.v, ids, count, dy, e.d_out, z);
      activate(e.activation, e.w ? gating : inner, active);
      for (int64_t r = 0; r < count; r++) {
        const T gradient = gates[r] * z[r];
        const T weight = e.w ? active[r] * inner[r] : active[r];
        const T derivative = slope(e.activation, e.w ? gating[r] : inner[r]);
        dgates[r] = weight * z[r];
        of_v[r] = gates[r] * weight;
        of_u[r] = gradient * (e.w ? active[r] : derivative);
        if (e.w) of_w[r] = gradient * (derivative * inner[r]);
      }
      add<F>(e.u, ids, count, of_u, e.d_model, dx);
      if (e.w) add<F>(e.w, ids, count, of_w, e.d_model, dx);
    }
  }
  return PEERSPEC_OK;
}

template <class F>
peerspec_status gather_sum(const GatherSumJob& job, int64_t begin, int64_t end) {
  using T = typename F::Compute;
  for (int64_t t = begin; t < end; t++) {
    const int64_t* ids = job.ids + t * job.pairs;
    T* out = static_cast<T*>(job.out) + t * job.width;
    if (!in_range(ids, job.pairs, job.num_rows)) return PEERSPEC_BAD_ID;
    clear(out, job.width);
    add<F>(job.table, ids, job.pairs, static_cast<const T*>(job.weights) + t * job.pairs, job.width, out);
  }
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
