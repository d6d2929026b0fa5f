// Ranking scores, ties by position: scores become integers of the same order, and a score's place is the number of
// those above it, so that no branch depends on the data; where there are too many to count, they are sorted.
#pragma once

namespace peerspec {
namespace {

constexpr int64_t most_counted = 128;  // scores that are ranked by counting

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

// The order of scores as the order of integers: −0 equals +0 (SEL-4), NaN is below every number, and one less than
// any of them is an integer still.
template <class T>
PEERSPEC_INLINE Order<T> order(T score) {
  score += T(0);  // −0 becomes +0
  Order<T> bits;
  __builtin_memcpy(&bits, &score, sizeof bits);
  constexpr Order<T> largest = ~(Order<T>(1) << (8 * sizeof(T) - 1));
  bits ^= (bits >> (8 * sizeof(T) - 1)) & largest;
  return score != score ? -largest : bits;
}

// Scores that are compared with one another at once; an array of them has room for so many more.
template <class O>
constexpr int64_t block_of = 2 * Lanes<O>::count;

// For each of a block, how many of all are above it: larger, or equal and earlier. An earlier one is above where it is
// larger than one less.
template <class O>
PEERSPEC_INLINE void count_above(const O* values, int64_t start, int64_t count, O* above) {
  using Vec = typename Lanes<O>::Vec;
  constexpr int each = Lanes<O>::each, parts = block_of<O> / each;
  O steps[2 * each];
  for (int i = 0; i < 2 * each; i++) steps[i] = i < each ? 0 : -1;
  Vec these[parts], less[parts], found[parts];
  for (int i = 0; i < parts; i++) {
    these[i] = load_vec<Vec>(values + start + i * each);
    less[i] = these[i] - 1;
    found[i] = Vec{};
  }
  for (int64_t j = 0; j < start; j++)
    for (int i = 0; i < parts; i++) found[i] -= Vec{} + values[j] > less[i];  // true is −1
#pragma GCC unroll 8
  for (int p = 0; p < parts; p++)
    for (int lane = 0; lane < each && start + p * each + lane < count; lane++) {
      const Vec one = Vec{} + values[start + p * each + lane];
      const Vec later = load_vec<Vec>(steps + each - 1 - lane);  // −1 in the lanes behind this one
#pragma GCC unroll 8
      for (int i = 0; i < parts; i++) found[i] -= one > (i < p ? these[i] : i > p ? less[i] : these[i] + later);
    }
  for (int64_t j = start + block_of<O>; j < count; j++)
    for (int i = 0; i < parts; i++) found[i] -= Vec{} + values[j] > these[i];
  __builtin_memcpy(above, found, sizeof found);
}

// Which are the k first of some values, descending, ties by place; `values` and `keys` have room for a block more.
template <class O, class Key>
void best_places(O* values, Key* keys, int64_t count, int64_t k, int64_t* out) {
  if (count > most_counted) return sort_best(values, keys, count, k, out);
  int64_t ordered[most_counted];
  for (int64_t i = count; i % block_of<O>; i++) values[i] = -std::numeric_limits<O>::max();
  for (int64_t start = 0; start < count; start += block_of<O>) {
    O above[block_of<O>];
    count_above(values, start, count, above);
    const int64_t left = count - start < block_of<O> ? count - start : block_of<O>;
    for (int64_t i = 0; i < left; i++) ordered[above[i]] = start + i;
  }
  for (int64_t i = 0; i < k; i++) out[i] = ordered[i];
}

}  // namespace
}  // namespace peerspec
