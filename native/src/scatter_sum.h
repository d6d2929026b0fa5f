// Gradients of rows: each touched row the weighted sum of the tokens that pick it.
#pragma once

namespace peerspec {
namespace {

// Columns [from, from + count) of one touched row, by one thread, in the order of the positions that touch it.
template <class T>
PEERSPEC_INLINE void sum_row(const ScatterSumJob& job, int64_t touched, int64_t from, int64_t count, T* out) {
  const T *x = static_cast<const T*>(job.x) + from, *all = static_cast<const T*>(job.weights);
  clear(out, count);
  for (int64_t p = job.starts[touched]; p < job.starts[touched + 1]; p += group) {
    const int64_t left = job.starts[touched + 1] - p, here = left < group ? left : group;
    int64_t tokens[group];
    T weights[group];
    for (int64_t r = 0; r < here; r++) {
      tokens[r] = job.order[p + r] / job.pairs;
      weights[r] = all[job.order[p + r]];
    }
    add<Plain<T>>(x, tokens, here, weights, count, out, job.width);
  }
}

template <class F>
peerspec_status scatter_sum(const ScatterSumJob& job, int64_t begin, int64_t end) {
  using T = typename F::Compute;
  for (int64_t touched = begin; touched < end; touched++)
    sum_row(job, touched, 0, job.width, static_cast<T*>(job.out) + touched * job.width);
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
