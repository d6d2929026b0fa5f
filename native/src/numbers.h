// Conversion of one number between a format of a table and its compute dtype.
#pragma once

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

// Rounds to nearest, ties to even: adds half a unit, minus one if the remaining part is even.
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
  if (magnitude >= 0x477ff000)
    return uint16_t(sign | 0x7c00);  // from 65520 on: halfway from the largest float16 to 2¹⁶
  if (magnitude >= 0x38800000)       // from 2⁻¹⁴ on: normal numbers
    return uint16_t(sign | (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13);
  const float shifted = std::fabs(value) + 0.5f;  // an ulp of ½ is 2⁻²⁴, the unit of the subnormals of float16
  __builtin_memcpy(&word, &shifted, sizeof word);
  return uint16_t(sign | (word - 0x3f000000));
}

}  // namespace
}  // namespace peerspec
