// The kernels for AVX-512 (F, BW, DQ, VL): registers of 64 bytes.
#include "jobs.h"
#include "scratch.h"

#ifdef PEERSPEC_X86
#include <immintrin.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#if defined(__clang__)
#pragma clang attribute push(                                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi,bmi2,lzcnt,popcnt,f16c"))), \
    apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi,bmi2,lzcnt,popcnt,f16c")
#endif
#define PEERSPEC_WIDTH 64
#define PEERSPEC_KERNELS avx512_kernels
#include "kernels.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
