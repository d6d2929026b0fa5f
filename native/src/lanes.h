// Lanes: sixteen floats or eight doubles, in as many registers as the instruction set needs.
//
// The number of lanes is fixed, so that every instruction set sums in the same order. Only kernels.h includes this.
#pragma once

#define PEERSPEC_INLINE static inline __attribute__((always_inline))

namespace peerspec {
namespace {

template <class T>
struct Lanes {
  static constexpr int count = 64 / sizeof(T);
  static constexpr int parts = 64 / PEERSPEC_WIDTH;
  static constexpr int each = PEERSPEC_WIDTH / sizeof(T);
  typedef T Vec __attribute__((vector_size(PEERSPEC_WIDTH)));
  Vec part[parts];
};

// The formats of a table: the type of a stored number, and the type to which it is widened for computing.
template <class T>
struct Plain {
  using Store = T;
  using Compute = T;
};
using F32 = Plain<float>;
using F64 = Plain<double>;
struct BF16 {
  using Store = uint16_t;
  using Compute = float;
};
struct F16 {
  using Store = uint16_t;
  using Compute = float;
};
struct I8 {
  using Store = int8_t;
  using Compute = float;
};

typedef int8_t Byte __attribute__((vector_size(PEERSPEC_WIDTH / 4)));
typedef uint16_t Half __attribute__((vector_size(PEERSPEC_WIDTH / 2)));
typedef int32_t Whole __attribute__((vector_size(PEERSPEC_WIDTH)));
typedef uint32_t Word __attribute__((vector_size(PEERSPEC_WIDTH)));
typedef float Real __attribute__((vector_size(PEERSPEC_WIDTH)));

template <class Vec>
PEERSPEC_INLINE Vec load_vec(const void* from) {
  Vec value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

// Intrinsics where one instruction is enough and GCC does not find it. For AVX-512 they have a mask, all ones, because
// GCC warns of uninitialised memory in its own header for those without a mask.
#if PEERSPEC_WIDTH == 64
PEERSPEC_INLINE Word extended(Half bits) { return (Word)_mm512_maskz_cvtepu16_epi32(0xffff, (__m256i)bits); }
PEERSPEC_INLINE Whole extended(Byte bytes) { return (Whole)_mm512_maskz_cvtepi8_epi32(0xffff, (__m128i)bytes); }
#elif PEERSPEC_WIDTH == 32
PEERSPEC_INLINE Word extended(Half bits) { return (Word)_mm256_cvtepu16_epi32((__m128i)bits); }
PEERSPEC_INLINE Whole extended(Byte bytes) { return (Whole)_mm256_cvtepi8_epi32(_mm_cvtsi64_si128((long long)bytes)); }
#else
PEERSPEC_INLINE Word extended(Half bits) { return __builtin_convertvector(bits, Word); }
PEERSPEC_INLINE Whole extended(Byte bytes) { return __builtin_convertvector(bytes, Whole); }
#endif

PEERSPEC_INLINE Real widen(BF16, Half bits) { return (Real)(extended(bits) << 16); }
PEERSPEC_INLINE Real widen(I8, Byte bytes) { return __builtin_convertvector(extended(bytes), Real); }

// Frameworks switch on flush-to-zero modes, which must not lose the subnormals of float16. The instruction ignores
// these modes; without it, integer operations do the conversion.
#if PEERSPEC_WIDTH == 64
PEERSPEC_INLINE Real widen(F16, Half bits) { return (Real)_mm512_maskz_cvtph_ps(0xffff, (__m256i)bits); }
#elif PEERSPEC_WIDTH == 32
PEERSPEC_INLINE Real widen(F16, Half bits) { return (Real)_mm256_cvtph_ps((__m128i)bits); }
#else
PEERSPEC_INLINE Real widen(F16, Half bits) {
  const Word half = extended(bits);
  const Word magnitude =
      (half & 0x7fff) << 13;  // exponent and mantissa at their positions in a float; the bias is 112 too low
  const Word exponent = magnitude & (0x1fu << 23);
  const Word sign = (half & 0x8000) << 16;
  const Word special = (Word)(exponent == (0x1fu << 23));  // infinity and NaN
  const Word normal = magnitude + (112u << 23) + (special & (112u << 23));
  const Real renormalised = (Real)(magnitude + (113u << 23)) - (Real)(Word{} + (113u << 23));
  const Word zero = (Word)(exponent == 0);
  return (Real)(sign | (zero & (Word)renormalised) | (~zero & normal));
}
#endif

template <class F>
PEERSPEC_INLINE Lanes<typename F::Compute> load(const typename F::Store* from) {
  using L = Lanes<typename F::Compute>;
  L out;
  for (int i = 0; i < L::parts; i++) {
    if constexpr (sizeof(typename F::Store) == 2)
      out.part[i] = widen(F{}, load_vec<Half>(from + i * L::each));
    else if constexpr (sizeof(typename F::Store) == 1)
      out.part[i] = widen(F{}, load_vec<Byte>(from + i * L::each));
    else
      out.part[i] = load_vec<typename L::Vec>(from + i * L::each);
  }
  return out;
}

// Loads the first `count` lanes; the others are zero. A row must not be read past its end.
template <class F>
PEERSPEC_INLINE Lanes<typename F::Compute> load_some(const typename F::Store* from, int64_t count) {
  typename F::Store padded[Lanes<typename F::Compute>::count] = {};
  __builtin_memcpy(padded, from, count * sizeof *from);
  return load<F>(padded);
}

template <class T>
PEERSPEC_INLINE void store(const Lanes<T>& lanes, T* to) {
  for (int i = 0; i < Lanes<T>::parts; i++) {  // a single copy of all parts would go through the stack
    const typename Lanes<T>::Vec part = lanes.part[i];
    __builtin_memcpy(to + i * Lanes<T>::each, &part, sizeof part);
  }
}

// Stores past the caches, to an address aligned to a cache line. Only after `end_stream` do other threads see it.
template <class T>
PEERSPEC_INLINE void stream(const Lanes<T>& lanes, T* to) {
#if PEERSPEC_WIDTH == 64
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), (__m512i)lanes.part[0]);
#elif PEERSPEC_WIDTH == 32
  for (int i = 0; i < 2; i++) _mm256_stream_si256(reinterpret_cast<__m256i*>(to) + i, (__m256i)lanes.part[i]);
#else
  store(lanes, to);
#endif
}

PEERSPEC_INLINE void end_stream() {
#if PEERSPEC_WIDTH >= 32
  _mm_sfence();
#endif
}

// One number in all lanes.
template <class T>
PEERSPEC_INLINE Lanes<T> broadcast(const T* from) {
  Lanes<T> out;
  for (auto& part : out.part) part = *from - typename Lanes<T>::Vec{};
  return out;
}

template <class T>
PEERSPEC_INLINE void multiply_add(Lanes<T>& sum, const Lanes<T>& a, const Lanes<T>& b) {
  for (int i = 0; i < Lanes<T>::parts; i++) sum.part[i] += a.part[i] * b.part[i];
}

template <class T>
PEERSPEC_INLINE void multiply_add(Lanes<T>& sum, const Lanes<T>& a, T b) {
  for (int i = 0; i < Lanes<T>::parts; i++) sum.part[i] += a.part[i] * b;
}

// Adds one in the lanes where a comparison is true, that is −1. AVX-512 compares into a mask, and adds under it.
template <class Mask, class Vec>
PEERSPEC_INLINE void count_where(const Mask& is_true, Vec& counts) {
#if PEERSPEC_WIDTH == 64
  counts = is_true ? counts + 1 : counts;
#else
  counts -= (Vec)is_true;
#endif
}

template <class T, int bytes>
struct Vector {
  typedef T Type __attribute__((vector_size(bytes)));
};

// The sum of the lanes of one vector, by halves.
template <class T, int bytes>
PEERSPEC_INLINE T reduce_vector(const typename Vector<T, bytes>::Type& vector) {
  if constexpr (bytes == 16 && sizeof(T) == 4) {
    return (vector[0] + vector[2]) + (vector[1] + vector[3]);
  } else if constexpr (bytes == 16) {
    return vector[0] + vector[1];
  } else {
    typename Vector<T, bytes / 2>::Type halves[2];
    __builtin_memcpy(halves, &vector, bytes);
    return reduce_vector<T, bytes / 2>(halves[0] + halves[1]);
  }
}

// The sum of all lanes, by halves. The order of the sum does not depend on the size of registers.
template <class T>
PEERSPEC_INLINE T reduce(Lanes<T> lanes) {
  for (int half = Lanes<T>::parts / 2; half; half /= 2)
    for (int i = 0; i < half; i++) lanes.part[i] += lanes.part[i + half];
  return reduce_vector<T, PEERSPEC_WIDTH>(lanes.part[0]);
}

// out[r] = reduce(rows[r])
template <class T, int R>
PEERSPEC_INLINE void reduce_rows(const Lanes<T> (&rows)[R], T* out) {
#if PEERSPEC_WIDTH >= 32
  if constexpr (sizeof(T) == 4 && R % 4 == 0) {  // the same sums, for four rows at once
    for (int first = 0; first < R; first += 4) {
      __m256 eights[4], fours[2];
      for (int r = 0; r < 4; r++) {
        __m256 halves[2];
        __builtin_memcpy(halves, &rows[first + r], sizeof halves);
        eights[r] = halves[0] + halves[1];
      }
      for (int i = 0; i < 2; i++)
        fours[i] = _mm256_permute2f128_ps(eights[2 * i], eights[2 * i + 1], 0x20) +
                   _mm256_permute2f128_ps(eights[2 * i], eights[2 * i + 1], 0x31);
      const __m256 twos = _mm256_shuffle_ps(fours[0], fours[1], 0x44) + _mm256_shuffle_ps(fours[0], fours[1], 0xee);
      const __m256 ones = _mm256_shuffle_ps(twos, twos, 0x88) + _mm256_shuffle_ps(twos, twos, 0xdd);
      _mm_storeu_ps(out + first, _mm_unpacklo_ps(_mm256_castps256_ps128(ones), _mm256_extractf128_ps(ones, 1)));
    }
    return;
  }
#endif
  for (int r = 0; r < R; r++) out[r] = reduce(rows[r]);
}

}  // namespace
}  // namespace peerspec
