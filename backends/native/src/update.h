// Optimiser steps on the rows that have a gradient; all others stay bit for bit.
#pragma once

#include <cmath>

namespace peerspec {
namespace {

template <class T>
PEERSPEC_INLINE T widen_one(Plain<T>, T value) {
  return value;
}

PEERSPEC_INLINE float widen_one(BF16, uint16_t bits) {
  const uint32_t word = uint32_t(bits) << 16;
  float value;
  __builtin_memcpy(&value, &word, sizeof value);
  return value;
}

PEERSPEC_INLINE float widen_one(F16, uint16_t bits) {
  uint16_t padded[Lanes<float>::count] = {bits};
  float values[Lanes<float>::count];
  store(load<F16>(padded), values);
  return values[0];
}

template <class T>
PEERSPEC_INLINE T narrow_one(Plain<T>, T value) {
  return value;
}

// To nearest, ties to even: adding half a unit, less one where the kept part is even, carries where it must.
PEERSPEC_INLINE uint16_t narrow_one(BF16, float value) {
  uint32_t word;
  __builtin_memcpy(&word, &value, sizeof word);
  if (value != value) return uint16_t(word >> 16 | 0x40);
  return uint16_t((word + 0x7fff + (word >> 16 & 1)) >> 16);
}

PEERSPEC_INLINE uint16_t narrow_one(F16, float value) {
  uint32_t word;
  __builtin_memcpy(&word, &value, sizeof word);
  const uint32_t sign = word >> 16 & 0x8000, magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return uint16_t(sign | 0x7e00);
  if (magnitude >= 0x477ff000) return uint16_t(sign | 0x7c00);  // from 65520 on, halfway beyond the largest
  if (magnitude >= 0x38800000)                                  // from 2⁻¹⁴ on, normal
    return uint16_t(sign | (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13);
  const float shifted = std::fabs(value) + 0.5f;  // the unit of ½ is 2⁻²⁴, that of float16's subnormals
  __builtin_memcpy(&word, &shifted, sizeof word);
  return uint16_t(sign | (word - 0x3f000000));
}

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
