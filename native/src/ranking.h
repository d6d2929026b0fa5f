// Ranking of scores (stable top-k): scores become integers of the same order, and the rank of a score is the number of
// scores above it, so that no branch depends on the data. Long lists are sorted instead.
#pragma once

namespace peerspec {
namespace {

constexpr int64_t max_counted = 128;  // the longest list that is ranked by counting

template <class T>
struct OrderOf;
template <>
struct OrderOf<float> {
  using Type = int32_t;
};
template <>
struct OrderOf<double> {
  using Type = int64_t;
};
template <class T>
using Order = typename OrderOf<T>::Type;

// An integer for each score, in the same order: −0 equals +0 (SEL-4), and NaN is below every number. Subtracting one
// from such an integer does not overflow.
template <class T>
PEERSPEC_INLINE Order<T> order(T score) {
  score += T(0);  // −0 becomes +0
  Order<T> bits;
  __builtin_memcpy(&bits, &score, sizeof bits);
  constexpr Order<T> all_but_sign = ~(Order<T>(1) << (8 * sizeof(T) - 1));
  bits ^= (bits >> (8 * sizeof(T) - 1)) & all_but_sign;
  return score != score ? -all_but_sign : bits;
}

// Scores that are ranked at once. An array of scores has room for one more block.
template <class O>
constexpr int64_t block_of = 2 * Lanes<O>::count;

// Zeros, then as many times −1.
template <class O, int each>
struct Steps {
  constexpr Steps() : values() {
    for (int i = each; i < 2 * each; i++) values[i] = -1;
  }
  O values[2 * each];
};

// For each value of a block, counts the values above it: larger, or equal and earlier. An earlier value is above if it
// is larger than the value minus one.
template <class O>
PEERSPEC_INLINE void count_above(const O* values, int64_t start, int64_t count, O* above) {
  using Vec = typename Lanes<O>::Vec;
  constexpr int each = Lanes<O>::each, parts = block_of<O> / each;
  static constexpr Steps<O, each> steps;
  Vec these[parts], one_less[parts], found[parts];
  for (int i = 0; i < parts; i++) {
    these[i] = load_vec<Vec>(values + start + i * each);
    one_less[i] = these[i] - 1;
    found[i] = Vec{};
  }
  for (int64_t j = 0; j < start; j++)
    for (int i = 0; i < parts; i++) count_where(Vec{} + values[j] > one_less[i], found[i]);
#pragma GCC unroll 8
  for (int p = 0; p < parts; p++)
    for (int lane = 0; lane < each && start + p * each + lane < count; lane++) {
      const Vec one = Vec{} + values[start + p * each + lane];
      const Vec later = load_vec<Vec>(steps.values + each - 1 - lane);  // −1 in the lanes after this one
#pragma GCC unroll 8
      for (int i = 0; i < parts; i++)
        count_where(one > (i < p ? these[i] : i > p ? one_less[i] : these[i] + later), found[i]);
    }
  for (int64_t j = start + block_of<O>; j < count; j++)
    for (int i = 0; i < parts; i++) count_where(Vec{} + values[j] > these[i], found[i]);
  __builtin_memcpy(above, found, sizeof found);
}

// Writes the positions of the k largest values, descending, ties by lower position. `values` and `keys` have room for
// one more block.
template <class O, class Key>
void best_positions(O* values, Key* keys, int64_t count, int64_t k, int64_t* out) {
  if (count > max_counted) return sort_best(values, keys, count, k, out);
  uint8_t ordered[max_counted];  // bytes, because compilers make slow scatter instructions of larger numbers
  for (int64_t i = count; i % block_of<O>; i++) values[i] = -std::numeric_limits<O>::max();
  for (int64_t start = 0; start < count; start += block_of<O>) {
    O above[block_of<O>];
    count_above(values, start, count, above);
    const int64_t left = count - start < block_of<O> ? count - start : block_of<O>;
    for (int64_t i = 0; i < left; i++) ordered[above[i]] = uint8_t(start + i);
  }
  for (int64_t i = 0; i < k; i++) out[i] = ordered[i];
}

}  // namespace
}  // namespace peerspec
