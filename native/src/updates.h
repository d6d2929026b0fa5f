// Steps of optimisers on touched rows; all other rows keep their bits.
//
// A gradient is given, or it is summed here from the tokens that select the row, a block of columns at a time, and not
// stored. In each formula a compiler can fuse multiplications and additions in one way only, so that every column is
// rounded alike.
#pragma once

#include <cmath>

namespace peerspec {
namespace {

constexpr int64_t prefetch_distance = 4;  // a row is prefetched this many rows before its turn

template <class F>
PEERSPEC_INLINE typename F::Store* table_row(const UpdateJob& job, int64_t r) {
  return static_cast<typename F::Store*>(job.table) + job.touched[r] * job.width;
}

template <class T>
PEERSPEC_INLINE T* state_row(const UpdateJob& job, void* state, int64_t r) {
  return static_cast<T*>(state) + job.touched[r] * job.width;
}

// Calls body(from, count, gradient) for the blocks of columns of the r-th touched row.
template <class T, class Body>
PEERSPEC_INLINE void in_blocks(const UpdateJob& job, int64_t r, const Body& body) {
  alignas(64) T sums[block_columns];
  const T* given = static_cast<const T*>(job.gradients);
  for (int64_t from = 0; from < job.width; from += block_columns) {
    const int64_t left = job.width - from, count = left < block_columns ? left : block_columns;
    if (!given) sum_row(job.sums, r, from, count, sums);
    body(from, count, given ? given + r * job.width + from : sums);
  }
}

// Calls body(r) for the touched rows begin … end-1, and prefetches all of later rows: stores wait in a short queue for
// the lines that are still missing.
template <class F, class Body>
PEERSPEC_INLINE peerspec_status in_rows(const UpdateJob& job, int64_t begin, int64_t end, bool moments,
                                        const Body& body) {
  using Moments = Plain<typename F::Compute>;
  for (int64_t r = begin; r < end; r++) {
    if (!in_range(job.touched + r, 1, job.num_rows)) return PEERSPEC_BAD_ID;
    if (r + prefetch_distance < end) {
      const int64_t* later = job.touched + r + prefetch_distance;
      prefetch<F>(job.table, later, 1, job.width, cache_line);
      if (moments) prefetch<Moments>(job.first, later, 1, job.width, cache_line);
      if (moments) prefetch<Moments>(job.second, later, 1, job.width, cache_line);
    }
    body(r);
  }
  return PEERSPEC_OK;
}

// row −= rate · g
template <class F, class T = typename F::Compute>
PEERSPEC_INLINE void descend(typename F::Store* __restrict row, const T* __restrict g, T rate, int64_t count) {
  for (int64_t c = 0; c < count; c++) row[c] = narrow_one(F{}, widen_one(F{}, row[c]) - rate * g[c]);
}

template <class F>
peerspec_status sgd(const UpdateJob& job, int64_t begin, int64_t end) {
  using T = typename F::Compute;
  return in_rows<F>(job, begin, end, false, [&](int64_t r) {
    in_blocks<T>(job, r, [&](int64_t from, int64_t count, const T* g) {
      descend<F>(table_row<F>(job, r) + from, g, T(job.rate), count);
    });
  });
}

template <class T>
PEERSPEC_INLINE T sum_of_squares(const T* g, int64_t count) {
  constexpr int64_t step = Lanes<T>::count;
  Lanes<T> sums = {};
  int64_t c = 0;
  for (; c + step <= count; c += step) multiply_add(sums, load<Plain<T>>(g + c), load<Plain<T>>(g + c));
  const Lanes<T> rest = load_some<Plain<T>>(g + c, count - c);
  multiply_add(sums, rest, rest);
  return reduce(sums);
}

// sum += mean of g² over the row; row −= rate · g / (√sum + ε)
template <class F>
peerspec_status adagrad(const UpdateJob& job, int64_t begin, int64_t end) {
  using T = typename F::Compute;
  return in_rows<F>(job, begin, end, false, [&](int64_t r) {
    T squares = 0;
    in_blocks<T>(job, r, [&](int64_t, int64_t count, const T* g) { squares += sum_of_squares(g, count); });
    T& sum = static_cast<T*>(job.first)[job.touched[r]];
    sum += squares / T(job.width);
    const T rate = T(job.rate) / (std::sqrt(sum) + T(job.epsilon));
    in_blocks<T>(job, r, [&](int64_t from, int64_t count, const T* g) {
      descend<F>(table_row<F>(job, r) + from, g, rate, count);
    });
  });
}

template <class T>
struct AdamNumbers {
  T rest1, rest2, rate, scale, epsilon;

  // in double before the conversion to T, because 1 − β₂ in float has few correct digits
  explicit AdamNumbers(const UpdateJob& job)
      : rest1(T(1 - job.beta1)),
        rest2(T(1 - job.beta2)),
        rate(T(job.rate / (1 - std::pow(job.beta1, double(job.step))))),
        scale(T(1 / std::sqrt(1 - std::pow(job.beta2, double(job.step))))),
        epsilon(T(job.epsilon)) {}
};

template <class F, class T = typename F::Compute>
PEERSPEC_INLINE void adam_columns(typename F::Store* __restrict row, T* __restrict m, T* __restrict v,
                                  const T* __restrict g, const AdamNumbers<T>& by, int64_t count) {
  for (int64_t c = 0; c < count; c++) {
    m[c] += by.rest1 * (g[c] - m[c]);
    v[c] += by.rest2 * (g[c] * g[c] - v[c]);
    row[c] = narrow_one(F{}, widen_one(F{}, row[c]) - by.rate * m[c] / (std::sqrt(v[c]) * by.scale + by.epsilon));
  }
}

// m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g²; row −= rate · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε); touched rows only
template <class F>
peerspec_status adam(const UpdateJob& job, int64_t begin, int64_t end) {
  using T = typename F::Compute;
  const AdamNumbers<T> by(job);
  return in_rows<F>(job, begin, end, true, [&](int64_t r) {
    T *m = state_row<T>(job, job.first, r), *v = state_row<T>(job, job.second, r);
    in_blocks<T>(job, r, [&](int64_t from, int64_t count, const T* g) {
      adam_columns<F>(table_row<F>(job, r) + from, m + from, v + from, g, by, count);
    });
  });
}

}  // namespace
}  // namespace peerspec
