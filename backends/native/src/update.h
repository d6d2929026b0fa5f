// Optimiser steps on the rows that have a gradient; all others stay bit for bit.
#pragma once

#include <cmath>

namespace peerspec {
namespace {

// row −= rate · g
template <class F>
peerspec_status sgd(const UpdateJob& job, int64_t begin, int64_t end) {
  using T = typename F::Inner;
  const T rate = T(job.rate);
  for (int64_t r = begin; r < end; r++) {
    if (!in_range(job.touched + r, 1, job.num_rows)) return PEERSPEC_BAD_ID;
    auto* row = static_cast<typename F::Store*>(job.table) + job.touched[r] * job.width;
    const T* g = static_cast<const T*>(job.gradients) + r * job.width;
    for (int64_t c = 0; c < job.width; c++) row[c] = narrow_one(F{}, widen_one(F{}, row[c]) - rate * g[c]);
  }
  return PEERSPEC_OK;
}

// sum += mean of g² over the row; row −= rate · g / (√sum + ε)
template <class F>
peerspec_status adagrad(const UpdateJob& job, int64_t begin, int64_t end) {
  using T = typename F::Inner;
  for (int64_t r = begin; r < end; r++) {
    if (!in_range(job.touched + r, 1, job.num_rows)) return PEERSPEC_BAD_ID;
    auto* row = static_cast<typename F::Store*>(job.table) + job.touched[r] * job.width;
    const T* g = static_cast<const T*>(job.gradients) + r * job.width;
    T* sum = static_cast<T*>(job.first) + job.touched[r];
    T squares = 0;
    for (int64_t c = 0; c < job.width; c++) squares += g[c] * g[c];
    *sum += squares / T(job.width);
    const T rate = T(job.rate) / (std::sqrt(*sum) + T(job.epsilon));
    for (int64_t c = 0; c < job.width; c++) row[c] = narrow_one(F{}, widen_one(F{}, row[c]) - rate * g[c]);
  }
  return PEERSPEC_OK;
}

// m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g²; row −= rate · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε), the touched rows alone
template <class F>
peerspec_status adam(const UpdateJob& job, int64_t begin, int64_t end) {
  using T = typename F::Inner;
  const T beta1 = T(job.beta1), beta2 = T(job.beta2), rest1 = T(1 - job.beta1), rest2 = T(1 - job.beta2);
  const T rate = T(job.rate / (1 - std::pow(job.beta1, double(job.step))));
  const T scale = T(1 / std::sqrt(1 - std::pow(job.beta2, double(job.step)))), epsilon = T(job.epsilon);
  for (int64_t r = begin; r < end; r++) {
    if (!in_range(job.touched + r, 1, job.num_rows)) return PEERSPEC_BAD_ID;
    const int64_t start = job.touched[r] * job.width;
    auto* row = static_cast<typename F::Store*>(job.table) + start;
    T *m = static_cast<T*>(job.first) + start, *v = static_cast<T*>(job.second) + start;
    const T* g = static_cast<const T*>(job.gradients) + r * job.width;
    for (int64_t c = 0; c < job.width; c++) {
      m[c] = beta1 * m[c] + rest1 * g[c];
      v[c] = beta2 * v[c] + rest2 * (g[c] * g[c]);
      row[c] = narrow_one(F{}, widen_one(F{}, row[c]) - rate * m[c] / (std::sqrt(v[c]) * scale + epsilon));
    }
  }
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
