// Gates: the softmax of the k selected scores of a head, or the logistic function of each score (SPEC.md, GAT-1 …
// GAT-3).
#pragma once

namespace peerspec {
namespace {

// The scores are sorted, best first: the first is the maximum, and is NaN if any score is NaN.
template <class T>
void softmax(const T* scores, int64_t k, T* out) {
  T sum = 0;
  for (int64_t i = 0; i < k; i++) sum += out[i] = std::exp(scores[i] - scores[0]);
  for (int64_t i = 0; i < k; i++) out[i] /= sum;
}

// The parts are lists of k scores.
template <class T>
peerspec_status gates(const GateJob& job, int64_t begin, int64_t end) {
  const T* scores = static_cast<const T*>(job.scores);
  T* out = static_cast<T*>(job.gates);
  if (job.gate == PEERSPEC_SIGMOID)
    for (int64_t i = begin * job.k; i < end * job.k; i++) out[i] = logistic(scores[i]);
  else
    for (int64_t at = begin * job.k; at < end * job.k; at += job.k) softmax(scores + at, job.k, out + at);
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
