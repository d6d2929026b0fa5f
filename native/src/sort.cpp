// Sorting: keys, where there are too many to rank by counting, and ids, so that each touched row is summed on its own.
#include <algorithm>
#include <functional>
#include <vector>

#include "api.h"

namespace peerspec {
namespace {

// `Half` is an unsigned integer of half the bits of a key.
template <class Half, class Value, class Key>
void sort_front(const Value* values, Key* keys, int64_t count, int64_t k, int64_t* out) {
  constexpr int bits = 8 * sizeof(Half);
  for (int64_t i = 0; i < count; i++) keys[i] = Key(values[i]) * (Key(1) << bits) + Half(~Half(i));
  const std::greater<Key> above;
  if (k < count) std::nth_element(keys, keys + k, keys + count, above);
  std::sort(keys, keys + std::min(k, count), above);
  for (int64_t i = 0; i < k; i++) out[i] = int64_t(Half(~Half(keys[i])));
}

constexpr int radix_bits = 11;
constexpr int64_t radix = int64_t(1) << radix_bits;

// One stable pass by the digit of each id at `shift`.
void sort_by_digit(int64_t count, const int64_t* ids, int shift, const int64_t* from, int64_t* to) {
  std::vector<int64_t> at(radix + 1);
  const auto digit = [=](int64_t position) { return (ids[position] >> shift) & (radix - 1); };
  for (int64_t i = 0; i < count; i++) at[digit(i) + 1]++;
  for (int64_t d = 0; d < radix; d++) at[d + 1] += at[d];
  for (int64_t i = 0; i < count; i++) to[at[digit(from[i])]++] = from[i];
}

void sort_ids(int64_t count, int64_t num_rows, const int64_t* ids, int64_t* order) {
  std::vector<int64_t> other(count);
  int64_t *from = other.data(), *to = order;
  int passes = 1;
  while (passes * radix_bits < 63 && (num_rows - 1) >> (passes * radix_bits)) passes++;
  if (passes % 2 == 0) std::swap(from, to);  // the last pass writes to `order`
  for (int64_t i = 0; i < count; i++) from[i] = i;
  for (int pass = 0; pass < passes; pass++, std::swap(from, to)) sort_by_digit(count, ids, pass * radix_bits, from, to);
}

}  // namespace

void sort_best(const int32_t* values, int64_t* keys, int64_t count, int64_t k, int64_t* out) {
  sort_front<uint32_t>(values, keys, count, k, out);
}

void sort_best(const int64_t* values, __int128* keys, int64_t count, int64_t k, int64_t* out) {
  sort_front<uint64_t>(values, keys, count, k, out);
}

}  // namespace peerspec

int32_t peerspec_sort_ids(int64_t count, int64_t num_rows, const int64_t* ids, int64_t* order, int64_t* touched,
                          int64_t* starts, int64_t* num_touched) {
  using namespace peerspec;
  if (count < 0 || num_rows < 1) return PEERSPEC_BAD_ARGUMENT;
  for (int64_t i = 0; i < count; i++)
    if (uint64_t(ids[i]) >= uint64_t(num_rows)) return PEERSPEC_BAD_ID;
  return guarded([&] {
    sort_ids(count, num_rows, ids, order);
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++)
      if (!i || ids[order[i]] != ids[order[i - 1]]) {
        touched[found] = ids[order[i]];
        starts[found++] = i;
      }
    starts[found] = count;
    *num_touched = found;
    return PEERSPEC_OK;
  });
}
