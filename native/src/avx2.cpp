// The kernels for AVX2 with FMA: registers of 32 bytes.
#include "jobs.h"
#include "scratch.h"

#ifdef PEERSPEC_X86
#include <immintrin.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2,lzcnt,popcnt,f16c"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,bmi,bmi2,lzcnt,popcnt,f16c")
#endif
#define PEERSPEC_WIDTH 32
#define PEERSPEC_KERNELS avx2_kernels
#include "kernels.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
