// Conversion of tokens and outputs between two-byte formats and float, the type of the core (SPEC.md, PRC-6, PRC-2).
#pragma once

#include <cstdint>
#include <cstring>

#include "peerspec_native.h"

namespace peerspec {

inline float float_of(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline uint32_t bits_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Exact. The product with 2¹¹² moves the exponent, also of subnormal numbers.
inline float widened_half(uint16_t half) {
  const uint32_t magnitude = uint32_t(half & 0x7fff) << 13, sign = uint32_t(half & 0x8000) << 16;
  const bool finite = (half & 0x7c00) != 0x7c00;
  const float value = finite ? float_of(magnitude) * 0x1p112f : float_of(magnitude | 0x7f800000);
  return float_of(bits_of(value) | sign);
}

// To nearest, ties to even. Below 2⁻¹⁴, adding ½ rounds, because its last bit is the unit of subnormal numbers.
inline uint16_t narrowed_half(float value) {
  const uint32_t sign = bits_of(value) >> 16 & 0x8000, magnitude = bits_of(value) & 0x7fffffff;
  if (magnitude > 0x7f800000) return uint16_t(sign | 0x7e00);
  if (magnitude >= 0x477ff000) return uint16_t(sign | 0x7c00);  // 65520 and more: halfway from 65504 to 65536
  if (magnitude < 0x38800000) return uint16_t(sign | (bits_of(float_of(magnitude) + 0.5f) - 0x3f000000));
  return uint16_t(sign | (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

inline uint16_t narrowed_bfloat(float value) {
  const uint32_t bits = bits_of(value);
  return value != value ? uint16_t(bits >> 16 | 0x40) : uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline void widen(int32_t format, const void* from, int64_t count, float* to) {
  const auto* halves = static_cast<const uint16_t*>(from);
  if (format == PEERSPEC_F16)
    for (int64_t i = 0; i < count; i++) to[i] = widened_half(halves[i]);
  else if (format == PEERSPEC_BF16)
    for (int64_t i = 0; i < count; i++) to[i] = float_of(uint32_t(halves[i]) << 16);
  else
    std::memcpy(to, from, count * sizeof *to);
}

inline void narrow(int32_t format, const float* from, int64_t count, void* to) {
  auto* halves = static_cast<uint16_t*>(to);
  for (int64_t i = 0; i < count; i++)
    halves[i] = format == PEERSPEC_F16 ? narrowed_half(from[i]) : narrowed_bfloat(from[i]);
}

}  // namespace peerspec
