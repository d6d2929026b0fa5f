// gather_sum: for each token the weighted sum of the rows that it selects.
#pragma once

namespace peerspec {
namespace {

template <class F>
peerspec_status gather_sum(const GatherSumJob& job, int64_t begin, int64_t end) {
  using T = typename F::Compute;
  const auto rows_of = [&](int64_t t) -> Rows { return {job.table, job.ids + t * job.pairs, job.pairs, job.width}; };
  for (int64_t t = begin; t < end; t++) {
    T* out = static_cast<T*>(job.out) + t * job.width;
    if (!in_range(rows_of(t).ids, job.pairs, job.num_rows)) return PEERSPEC_BAD_ID;
    clear(out, job.width);
    gather_add<F>(rows_of(t), static_cast<const T*>(job.weights) + t * job.pairs,
                  t + 1 < end ? rows_of(t + 1) : Rows{nullptr, nullptr, 0, 0}, out);
  }
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
