// Ranking scores, ties by position: a score and its position make one integer, and integers are counted or sorted.
#pragma once

namespace peerspec {
namespace {

constexpr int64_t most_counted = 128;  // keys that are ranked by counting; more are sorted
constexpr int64_t counted_together = 32;

PEERSPEC_INLINE int64_t key(float score, int64_t position) {
  score += 0.0f;  // −0 becomes +0 (SEL-4)
  int32_t bits;
  __builtin_memcpy(&bits, &score, sizeof bits);
  bits ^= (bits >> 31) & INT32_MAX;  // the order of floats as the order of integers
  if (score != score) bits = INT32_MIN;
  return int64_t(uint64_t(uint32_t(bits)) << 32 | uint32_t(~position));
}

PEERSPEC_INLINE __int128 key(double score, int64_t position) {
  score += 0.0;
  int64_t bits;
  __builtin_memcpy(&bits, &score, sizeof bits);
  bits ^= (bits >> 63) & INT64_MAX;
  if (score != score) bits = INT64_MIN;
  return __int128((unsigned __int128)(uint64_t(bits)) << 64 | uint64_t(~position));
}

PEERSPEC_INLINE int64_t position(int64_t key) { return uint32_t(~key); }
PEERSPEC_INLINE int64_t position(__int128 key) { return int64_t(~uint64_t(key)); }

// For each of some keys, how many of all are above it.
PEERSPEC_INLINE void count_above(const int64_t* some, const int64_t* keys, int64_t count, int64_t* above) {
  using L = Lanes<int64_t>;
  constexpr int parts = counted_together / L::each;
  typename L::Vec these[parts], found[parts] = {};
  for (int i = 0; i < parts; i++) these[i] = load_vec<typename L::Vec>(some + i * L::each);
  for (int64_t j = 0; j < count; j++)
    for (int i = 0; i < parts; i++) found[i] -= these[i] < keys[j];  // true is −1
  __builtin_memcpy(above, found, sizeof found);
}

PEERSPEC_INLINE void count_above(const __int128* some, const __int128* keys, int64_t count, int64_t* above) {
  for (int i = 0; i < counted_together; i++) {
    above[i] = 0;
    for (int64_t j = 0; j < count; j++) above[i] += some[i] < keys[j];
  }
}

// The positions of the k largest keys, descending; `keys` has room for `counted_together` more.
//
// A key's place is the number of keys above it: no branch depends on the data.
template <class Key>
void best_positions(Key* keys, int64_t count, int64_t k, int64_t* out) {
  if (count > most_counted) {
    sort_best(keys, count, k);
    for (int64_t i = 0; i < k; i++) out[i] = position(keys[i]);
    return;
  }
  int64_t ordered[most_counted];
  for (int64_t i = count; i % counted_together; i++) keys[i] = 0;
  for (int64_t start = 0; start < count; start += counted_together) {
    int64_t above[counted_together];
    count_above(keys + start, keys, count, above);
    const int64_t left = count - start < counted_together ? count - start : counted_together;
    for (int64_t i = 0; i < left; i++) ordered[above[i]] = position(keys[start + i]);
  }
  for (int64_t i = 0; i < k; i++) out[i] = ordered[i];
}

}  // namespace
}  // namespace peerspec
