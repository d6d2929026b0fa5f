// scatter_sum: for each touched row the weighted sum of the tokens that select it.
#pragma once

namespace peerspec {
namespace {

// Sums the columns [from, from + count) of one touched row, in the order of its pairs.
template <class T>
PEERSPEC_INLINE void sum_row(const ScatterSumJob& job, int64_t touched, int64_t from, int64_t count, T* out) {
  const T *x = static_cast<const T*>(job.x) + from, *all = static_cast<const T*>(job.weights);
  const int64_t begin = job.starts[touched], end = job.starts[touched + 1];
  if (begin == end) clear(out, count);
  for (int64_t p = begin; p < end; p += group_size) {
    const int64_t left = end - p, here = left < group_size ? left : group_size;
    int64_t tokens[group_size];
    T weights[group_size];
    for (int64_t r = 0; r < here; r++) {
      tokens[r] = job.order[p + r] / job.pairs;
      weights[r] = all[job.order[p + r]];
    }
    add_rows<Plain<T>>({x, tokens, here, job.width}, weights, count, out, p > begin);
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
