// The query norm at inference (SPEC.md, NRM-1, NRM-6): (q − mean) · scale / √(var + ε) + bias, with running statistics
// or with those of each query.
#pragma once

#include <algorithm>
#include <cmath>

#include "peerspec_native.h"

namespace peerspec {

// All arrays are [heads, width]; mean and var are null if each query has its own.
template <class T>
struct QueryNorm {
  int64_t heads, width;
  const T *scale, *bias, *mean, *var;

  // Normalises q [tokens, heads, width] in place.
  void operator()(const peerspec_run& run, int64_t tokens, T* q) const {
    constexpr int64_t chunk = 16;
    struct Job {
      const QueryNorm& norm;
      int64_t tokens;
      T* q;
    } job{*this, tokens, q};
    const auto part = [](void* data, int64_t index) {
      const auto& [norm, tokens, q] = *static_cast<Job*>(data);
      for (int64_t t = index * chunk; t < std::min(tokens, (index + 1) * chunk); t++)
        for (int64_t h = 0; h < norm.heads; h++)
          (norm.var ? norm.with_running_statistics(h, q + (t * norm.heads + h) * norm.width)
                    : norm.with_own_statistics(h, q + (t * norm.heads + h) * norm.width));
    };
    run.for_each(run.pool, (tokens + chunk - 1) / chunk, part, &job);
  }

 private:
  static constexpr T epsilon = T(1e-5);

  void with_running_statistics(int64_t head, T* q) const {
    for (int64_t i = 0, at = head * width; i < width; i++, at++)
      q[i] = (q[i] - mean[at]) * (scale[at] / std::sqrt(var[at] + epsilon)) + bias[at];
  }

  void with_own_statistics(int64_t head, T* q) const {
    T sum = 0, squares = 0;
    for (int64_t i = 0; i < width; i++) sum += q[i];
    const T mean_q = sum / T(width);
    for (int64_t i = 0; i < width; i++) squares += (q[i] - mean_q) * (q[i] - mean_q);
    const T deviation = std::sqrt(squares / T(width) + epsilon);
    for (int64_t i = 0, at = head * width; i < width; i++, at++)
      q[i] = (q[i] - mean_q) * (scale[at] / deviation) + bias[at];
  }
};

}  // namespace peerspec
