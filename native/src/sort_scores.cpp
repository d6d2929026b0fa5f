// Sorts the keys of scores, for lists that are too long to rank by counting.
#include <algorithm>
#include <functional>

#include "jobs.h"

namespace peerspec {
namespace {

// Writes the positions of the k largest values, in order. `Half` is an unsigned integer of half the bits of a key.
template <class Half, class Value, class Key>
void sort_keys(const Value* values, Key* keys, int64_t count, int64_t k, int64_t* out) {
  constexpr int bits = 8 * sizeof(Half);
  for (int64_t i = 0; i < count; i++) keys[i] = Key(values[i]) * (Key(1) << bits) + Half(~Half(i));
  const std::greater<Key> above;
  if (k < count) std::nth_element(keys, keys + k, keys + count, above);
  std::sort(keys, keys + std::min(k, count), above);
  for (int64_t i = 0; i < k; i++) out[i] = int64_t(Half(~Half(keys[i])));
}

}  // namespace

void sort_best(const int32_t* values, int64_t* keys, int64_t count, int64_t k, int64_t* out) {
  sort_keys<uint32_t>(values, keys, count, k, out);
}

void sort_best(const int64_t* values, __int128* keys, int64_t count, int64_t k, int64_t* out) {
  sort_keys<uint64_t>(values, keys, count, k, out);
}

}  // namespace peerspec
