// gather_sum: for each token the weighted sum of the rows that it selects.
#pragma once

namespace peerspec {
namespace {

template <class F>
peerspec_status gather_sum(const GatherSumJob& job, int64_t begin, int64_t end) {
  using T = typename F::Compute;
  for (int64_t t = begin; t < end; t++) {
    const int64_t* ids = job.ids + t * job.pairs;
    T* out = static_cast<T*>(job.out) + t * job.width;
    if (!in_range(ids, job.pairs, job.num_rows)) return PEERSPEC_BAD_ID;
    clear(out, job.width);
    add_rows<F>(job.table, ids, job.pairs, static_cast<const T*>(job.weights) + t * job.pairs, job.width, out);
  }
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
