// The expert stage and its gradients (SPEC.md, EXP-1, EXP-2, OUT-1), for many pairs of one token at a time: their inner
// products, then their activations, then the sum of their outputs.
#pragma once

namespace peerspec {
namespace {

// Pairs at a time. Long runs over one table keep the memory busy.
constexpr int64_t pairs_together = 128;
// The gradient of x reads rows of u a second time, so that they should stay in the cache.
constexpr int64_t pairs_together_backward = 32;

// Calls body(t, at, count) for up to `together` pairs of a token `t` of [begin, end) at a time; `at` is the number of
// the first of them among all pairs.
template <class F, class Body>
PEERSPEC_INLINE peerspec_status in_pairs(const ExpertStageJob& job, int64_t begin, int64_t end, int64_t together,
                                         typename F::Compute* sums, int64_t width, const Body& body) {
  for (int64_t t = begin; t < end; t++) {
    if (!in_range(job.ids + t * job.pairs, job.pairs, job.experts.num_experts)) return PEERSPEC_BAD_ID;
    clear(sums + t * width, width);
    for (int64_t k = 0; k < job.pairs; k += together)
      body(t, t * job.pairs + k, job.pairs - k < together ? job.pairs - k : together);
  }
  return PEERSPEC_OK;
}

// Rows of u that are read next: those of the pairs from `from` on, before pair `end`, because another thread may write
// later ids at this time. The ids are not checked yet; a prefetch of a wrong address does nothing.
PEERSPEC_INLINE Rows next_rows_of(const ExpertStageJob& job, int64_t from, int64_t end) {
  return {{job.experts.u, job.experts.u_scales}, job.ids + from, end - from, job.experts.d_model};
}

// Adds the outputs of some pairs of a token to its y.
template <class F>
void add_pairs(const ExpertStageJob& job, int64_t t, int64_t at, int64_t count, const Rows& next) {
  using T = typename F::Compute;
  const peerspec_experts& e = job.experts;
  const Rows u{{e.u, e.u_scales}, job.ids + at, count, e.d_model}, w{{e.w, e.w_scales}, u.ids, count, e.d_model},
      v{{e.v, e.v_scales}, u.ids, count, e.d_out};
  const T *x = static_cast<const T*>(job.x) + t * e.d_model, *gates = static_cast<const T*>(job.gates) + at;
  T inner[pairs_together] = {}, gating[pairs_together] = {}, active[pairs_together], weights[pairs_together];
  gather_dot<F>(u, x, e.w ? w : v, inner);
  if (e.w) gather_dot<F>(w, x, v, gating);
  for (int64_t r = 0; r < count; r += group_size)
    activate<group_size>(e.activation, (e.w ? gating : inner) + r, active + r);
  for (int64_t r = 0; r < count; r++) weights[r] = gates[r] * (e.w ? active[r] * inner[r] : active[r]);
  gather_add<F>(v, weights, next, static_cast<T*>(job.y) + t * e.d_out);
}

template <class F>
peerspec_status expert_stage(const ExpertStageJob& job, int64_t begin, int64_t end) {
  const int64_t last = end * job.pairs;
  return in_pairs<F>(job, begin, end, pairs_together, static_cast<typename F::Compute*>(job.y), job.experts.d_out,
                     [&](int64_t t, int64_t at, int64_t count) {
                       add_pairs<F>(job, t, at, count, next_rows_of(job, at + count, last));
                     });
}

// The gradients of some pairs of a token.
//
// With z = v·dy, the gradient of a gate is the expert's weight · z. The gradient of an inner product is
// gate · z · derivative: with this weight the expert's row enters dx, and the token enters the gradient of the row.
template <class F>
void pairs_backward(const ExpertStageBackwardJob& job, int64_t t, int64_t at, int64_t count, const Rows& next) {
  using T = typename F::Compute;
  const ExpertStageJob& forward = job.forward;
  const peerspec_experts& e = forward.experts;
  const Rows u{e.u, forward.ids + at, count, e.d_model}, w{e.w, u.ids, count, e.d_model}, v{e.v, u.ids, count, e.d_out};
  const T *x = static_cast<const T*>(forward.x) + t * e.d_model, *dy = static_cast<const T*>(job.dy) + t * e.d_out;
  const T* gates = static_cast<const T*>(forward.gates) + at;
  T *dx = static_cast<T*>(job.dx) + t * e.d_model, *dgates = static_cast<T*>(job.dgates) + at;
  T *of_u = static_cast<T*>(job.u_weights) + at, *of_v = static_cast<T*>(job.v_weights) + at;
  T* of_w = e.w ? static_cast<T*>(job.w_weights) + at : nullptr;
  T inner[pairs_together_backward] = {}, gating[pairs_together_backward] = {}, active[pairs_together_backward],
    derivatives[pairs_together_backward], z[pairs_together_backward];
  gather_dot<F>(u, x, e.w ? w : v, inner);
  if (e.w) gather_dot<F>(w, x, v, gating);
  gather_dot<F>(v, dy, next, z);
  for (int64_t r = 0; r < count; r += group_size) {
    activate<group_size>(e.activation, (e.w ? gating : inner) + r, active + r);
    activate_derivative<group_size>(e.activation, (e.w ? gating : inner) + r, derivatives + r);
  }
  for (int64_t r = 0; r < count; r++) {
    const T gradient = gates[r] * z[r];
    const T weight = e.w ? active[r] * inner[r] : active[r];
    dgates[r] = weight * z[r];
    of_v[r] = gates[r] * weight;
    of_u[r] = gradient * (e.w ? active[r] : derivatives[r]);
    if (e.w) of_w[r] = gradient * (derivatives[r] * inner[r]);
  }
  for (int64_t r = 0; r < count; r += group_size) {  // the order of sums: of eight pairs u, then w
    const int64_t here = count - r < group_size ? count - r : group_size;
    add_rows<F>({u.table, u.ids + r, here, e.d_model}, of_u + r, e.d_model, dx);
    if (e.w) add_rows<F>({w.table, w.ids + r, here, e.d_model}, of_w + r, e.d_model, dx);
  }
}

template <class F>
peerspec_status expert_stage_backward(const ExpertStageBackwardJob& job, int64_t begin, int64_t end) {
  const ExpertStageJob& forward = job.forward;
  const int64_t last = end * forward.pairs;
  return in_pairs<F>(forward, begin, end, pairs_together_backward, static_cast<typename F::Compute*>(job.dx),
                     forward.experts.d_model, [&](int64_t t, int64_t at, int64_t count) {
                       pairs_backward<F>(job, t, at, count, next_rows_of(forward, at + count, last));
                     });
}

}  // namespace
}  // namespace peerspec
