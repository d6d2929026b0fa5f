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

constexpr int64_t block_columns = 1024;  // columns summed at once, on the stack

// Sums one touched row apart, and writes it without reading its memory first.
template <class T>
PEERSPEC_INLINE void stream_row(const ScatterSumJob& job, int64_t touched) {
  alignas(64) T sums[block_columns];
  T* out = static_cast<T*>(job.out) + touched * job.width;
  for (int64_t from = 0; from < job.width; from += block_columns) {
    const int64_t left = job.width - from, count = left < block_columns ? left : block_columns;
    sum_row(job, touched, from, count, sums);
    for (int64_t c = 0; c < count; c += Lanes<T>::count) stream(load<Plain<T>>(sums + c), out + from + c);
  }
}

template <class F>
peerspec_status scatter_sum(const ScatterSumJob& job, int64_t begin, int64_t end) {
  using T = typename F::Compute;
  for (int64_t touched = begin; touched < end; touched++)
    if (job.past_caches)
      stream_row<T>(job, touched);
    else
      sum_row(job, touched, 0, job.width, static_cast<T*>(job.out) + touched * job.width);
  if (job.past_caches) end_stream();
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
