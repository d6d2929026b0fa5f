// Sorts the pairs of a call by expert id, so that each touched row is summed on its own.
#include <algorithm>
#include <vector>

#include "api.h"

namespace peerspec {
namespace {

constexpr int radix_bits = 11;
constexpr int64_t radix = int64_t(1) << radix_bits;

// One stable pass of a radix sort: by the digit of each id at `shift`.
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
