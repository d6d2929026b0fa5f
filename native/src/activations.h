// The activations σ and their derivatives σ′ (SPEC.md, ACT-1, GRD-6).
//
// They call erf, tanh and exp of libm, each correct to 2 ulp; only erf of a float is computed here.
#pragma once

#include <cmath>

#include "peerspec_native.h"

namespace peerspec {
namespace {

template <class T>
constexpr T root_half = T(0.70710678118654752440);  // √½
template <class T>
constexpr T root_two_over_pi = T(0.79788456080286535588);
template <class T>
constexpr T one_over_root_two_pi = T(0.39894228040143267794);
template <class T>
constexpr T cube = T(0.044715);

template <int terms>
PEERSPEC_INLINE float polynomial(const float (&coefficients)[terms], float x) {
  float sum = coefficients[terms - 1];
  for (int i = terms - 2; i >= 0; i--) sum = sum * x + coefficients[i];
  return sum;
}

// Minimax polynomials: erf(x)/x in x² for |x| < 1 (error 0.01 u), and erfc in |x| − 2.45 for 1 <= |x| <= 3.9 (error
// 0.5 u). Beyond 3.9 erf is 1 within half an ulp. With its roundings erf has an error of 2.2 u; PRC-4 allows 16 u.
constexpr float erf_near[] = {1.1283791065216064f,   -0.3761260509490967f,  0.11283430457115173f,
                              -0.02684859186410904f, 0.005179749336093664f, -0.0007942356169223785f,
                              7.647116581210867e-05f};
constexpr float erfc_far[] = {0.0005305521190166473f, -0.002789897844195366f,   0.006836763117462397f,
                              -0.010236043483018875f, 0.010249169543385506f,    -0.006976413074880838f,
                              0.002994740381836891f,  -0.00042978351120837033f, -0.00041851031710393727f,
                              0.0003066998324356973f, -4.881026688963175e-05f,  -2.6515373974689282e-05f,
                              9.12474570213817e-06f};

PEERSPEC_INLINE float error_function(float x) {
  const float size = std::fabs(x), capped = size < 3.9f ? size : 3.9f;
  const float near = x * polynomial(erf_near, x * x), far = 1 - polynomial(erfc_far, capped - 2.45f);
  return size < 1 ? near : std::copysign(far, x);
}

PEERSPEC_INLINE double error_function(double x) { return std::erf(x); }

template <class T>
PEERSPEC_INLINE T normal_cdf(T a) {
  return T(0.5) * (1 + error_function(a * root_half<T>));
}

template <class T>
inline T logistic(T a) {
  return 1 / (1 + std::exp(-a));
}

template <class T>
inline T tanh_inner(T a) {
  return std::tanh(root_two_over_pi<T> * (a + cube<T> * a * a * a));
}

template <class T>
inline T activate(int32_t kind, T a) {
  switch (kind) {
    case PEERSPEC_RELU:
      return a < 0 ? 0 : a;  // written so that NaN stays NaN (NFT-1)
    case PEERSPEC_GELU:
      return a * normal_cdf(a);
    case PEERSPEC_GELU_TANH:
      return T(0.5) * a * (1 + tanh_inner(a));
    case PEERSPEC_SILU:
      return a * logistic(a);
    default:
      return a;
  }
}

// σ of `count` numbers. The count is a constant, so that the compiler can vectorise the loop.
template <int count, class T>
PEERSPEC_INLINE void activate(int32_t kind, const T* __restrict a, T* __restrict out) {
  if (kind == PEERSPEC_GELU)
    for (int i = 0; i < count; i++) out[i] = a[i] * normal_cdf(a[i]);
  else
    for (int i = 0; i < count; i++) out[i] = activate(kind, a[i]);
}

template <class T>
inline T activate_derivative(int32_t kind, T a) {
  switch (kind) {
    case PEERSPEC_RELU:
      return a > 0 ? 1 : 0;
    case PEERSPEC_GELU:
      return normal_cdf(a) + a * one_over_root_two_pi<T> * std::exp(T(-0.5) * a * a);
    case PEERSPEC_GELU_TANH: {
      const T t = tanh_inner(a);
      return T(0.5) * (1 + t) + T(0.5) * a * (1 - t * t) * root_two_over_pi<T> * (1 + 3 * cube<T> * a * a);
    }
    case PEERSPEC_SILU: {
      const T s = logistic(a);
      return s * (1 + a * (1 - s));
    }
    default:
      return 1;
  }
}

// σ′ of `count` numbers. The exponentials of floats are computed first, because only the rest can be vectorised.
template <int count, class T>
PEERSPEC_INLINE void activate_derivative(int32_t kind, const T* __restrict a, T* __restrict out) {
  if (kind == PEERSPEC_GELU && sizeof(T) == 4) {
    T density[count];
    for (int i = 0; i < count; i++) density[i] = std::exp(T(-0.5) * a[i] * a[i]);
    for (int i = 0; i < count; i++) out[i] = normal_cdf(a[i]) + a[i] * one_over_root_two_pi<T> * density[i];
  } else {
    for (int i = 0; i < count; i++) out[i] = activate_derivative(kind, a[i]);
  }
}

}  // namespace
}  // namespace peerspec
