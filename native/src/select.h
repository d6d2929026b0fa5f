// Exact selection: the best of each half, then the best of the staircase of their sums (SPEC.md, section 2.2).
//
// The best of a half without sorting it: of the maxima of interleaved groups the k-th largest is a threshold that at
// least k scores reach; with twice as many groups as k, in random rows 1.4 k do, and only those are ranked.
#pragma once

namespace peerspec {
namespace {

constexpr int num_groups = 64;
constexpr int64_t most_by_threshold = num_groups / 2;  // the largest k for which groups leave few candidates

// The positions of all scores that reach the threshold, ascending, and their number; `out` has room for n and sixteen.
//
// Candidates lie anywhere, so a branch on whether a score is one would be mispredicted at most of them.
template <class T>
PEERSPEC_INLINE int64_t positions_reaching(const T* scores, int64_t n, T threshold, int32_t* out) {
  int64_t count = 0, i = 0;
#if PEERSPEC_WIDTH == 64
  if constexpr (sizeof(T) == 4) {
    const __m512 bound = _mm512_set1_ps(threshold);
    __m512i at = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (; i + 16 <= n; i += 16, at = _mm512_add_epi32(at, _mm512_set1_epi32(16))) {
      const __mmask16 reached = _mm512_cmp_ps_mask(_mm512_loadu_ps(scores + i), bound, _CMP_GE_OQ);
      _mm512_storeu_si512(out + count, _mm512_maskz_compress_epi32(reached, at));
      count += __builtin_popcount(reached);
    }
  }
#elif PEERSPEC_WIDTH == 32
  if constexpr (sizeof(T) == 4) {
    constexpr int most_unasked = 4;  // positions of 64 that are written whether or not there are so many
    const __m256 bound = _mm256_set1_ps(threshold);
    for (; i + 64 <= n; i += 64) {
      uint64_t mask = 0;
      for (int part = 0; part < 8; part++) {
        const __m256 reached = _mm256_cmp_ps(_mm256_loadu_ps(scores + i + 8 * part), bound, _CMP_GE_OQ);
        mask |= uint64_t(uint32_t(_mm256_movemask_ps(reached))) << (8 * part);
      }
      const int64_t end = count + __builtin_popcountll(mask);
      for (int at = 0; at < most_unasked; at++, mask &= mask - 1) out[count + at] = int32_t(i + _tzcnt_u64(mask));
      for (count += most_unasked; mask; mask &= mask - 1) out[count++] = int32_t(i + _tzcnt_u64(mask));
      count = end;
    }
  }
#endif
  for (; i < n; i++) {
    out[count] = int32_t(i);
    count += scores[i] >= threshold;
  }
  return count;
}

template <class T>
PEERSPEC_INLINE Lanes<T> larger(const Lanes<T>& a, const Lanes<T>& b) {
  Lanes<T> out;
  for (int i = 0; i < Lanes<T>::parts; i++) out.part[i] = a.part[i] > b.part[i] ? a.part[i] : b.part[i];
  return out;
}

// The k-th largest of all lanes of `count` vectors, 1 <= k <= their number.
template <class T, int count>
PEERSPEC_INLINE T kth_largest(const Lanes<T>* values, int64_t k) {
  constexpr int step = Lanes<T>::count;
  using Vec = typename Lanes<T>::Vec;
  decltype(Vec{} < Vec{}) above[count][Lanes<T>::parts] = {};
  T each[count * step];
  for (int v = 0; v < count; v++) store(values[v], each + v * step);
  for (int j = 0; j < count * step; j++) {
    const Vec one = Vec{} + each[j];
    for (int v = 0; v < count; v++)
      for (int i = 0; i < Lanes<T>::parts; i++) above[v][i] += values[v].part[i] < one;  // −1 where it is
  }
  Lanes<T> least;
  for (int i = 0; i < Lanes<T>::parts; i++) {
    least.part[i] = Vec{} + T(__builtin_inf());
    for (int v = 0; v < count; v++) {
      const Vec among = above[v][i] > -int32_t(k) ? values[v].part[i] : least.part[i];
      least.part[i] = among < least.part[i] ? among : least.part[i];
    }
  }
  store(least, each);
  for (int i = 1; i < step; i++) each[0] = each[i] < each[0] ? each[i] : each[0];
  return each[0];
}

// The k-th largest of the groups' maxima; NaN is passed over.
template <class T>
PEERSPEC_INLINE T threshold_of(const T* scores, int64_t whole, int64_t k) {
  constexpr int step = Lanes<T>::count, parts = num_groups / step;
  Lanes<T> maxima[parts];
  for (Lanes<T>& lanes : maxima)
    for (auto& part : lanes.part) part = typename Lanes<T>::Vec{} - T(__builtin_inf());
  for (int64_t c = 0; c < whole; c += num_groups)
    for (int p = 0; p < parts; p++) maxima[p] = larger(load<Plain<T>>(scores + c + p * step), maxima[p]);
  if (4 * k > num_groups) return kth_largest<T, parts>(maxima, k);
  for (int p = 0; p < parts / 2; p++) maxima[p] = larger(maxima[p], maxima[p + parts / 2]);
  return kth_largest<T, parts / 2>(maxima, k);
}

// Where scores are ranked: `values` and `keys` have room for n and a block more, `some` for n and sixteen.
template <class T>
struct Ranking {
  Order<T>* values;
  typename KeyOf<T>::Type* keys;
  int32_t* some;
};

// The positions of the k best of one half, ranked.
template <class T>
void best_of_half(const T* scores, int64_t n, int64_t k, const Ranking<T>& by, int64_t* out) {
  const int64_t whole = n - n % num_groups;
  if (k <= most_by_threshold && whole >= 2 * num_groups) {
    const int64_t count = positions_reaching(scores, n, threshold_of(scores, whole, k), by.some);
    if (count >= k) {  // less only where NaN leaves less than k numbers
      for (int64_t c = 0; c < count; c++) by.values[c] = order(scores[by.some[c]]);
      best_places(by.values, by.keys, count, k, out);
      for (int64_t c = 0; c < k; c++) out[c] = by.some[out[c]];
      return;
    }
  }
  for (int64_t i = 0; i < n; i++) by.values[i] = order(scores[i]);
  best_places(by.values, by.keys, n, k, out);
}

// Rows lie on pages of their own, which no hardware prefetcher crosses; the next one loads while this one is ranked.
template <class T>
PEERSPEC_INLINE void prefetch_row(const T* scores, int64_t n) {
  for (int64_t i = 0; i < n; i += int64_t(64 / sizeof(T))) __builtin_prefetch(scores + i, 0, 3);
}

// The experts of one row after the other, with the scratch memory that takes.
template <class T>
class Selector {
 public:
  explicit Selector(const SelectRule& rule)
      : rule(rule),
        room((rule.n > rule.num_cells ? rule.n : rule.num_cells) + block_of<Order<T>>),
        keys(room),
        values(room),
        some(rule.n + 16),
        places(2 * rule.kept + rule.k),
        best(2 * rule.kept) {}

  explicit operator bool() const { return keys && values && some && places && best; }

  // While the first half is ranked the second loads, and `next`, if there is one, while the second is.
  void row(const T* s1, const T* s2, const T* next, T* scores, int64_t* ids) {
    const Ranking<T> by{values.get(), keys.get(), some.get()};
    int64_t *rank1 = places.get(), *rank2 = rank1 + rule.kept, *cells = rank2 + rule.kept;
    T *best1 = best.get(), *best2 = best1 + rule.kept;
    prefetch_row(s2, rule.n);
    best_of_half(s1, rule.n, rule.kept, by, rank1);
    if (next) prefetch_row(next, rule.n);
    best_of_half(s2, rule.n, rule.kept, by, rank2);
    for (int64_t a = 0; a < rule.kept; a++) best1[a] = s1[rank1[a]], best2[a] = s2[rank2[a]];
    for (int64_t c = 0; c < rule.num_cells; c++) by.values[c] = order(best1[rule.cell1[c]] + best2[rule.cell2[c]]);
    best_places(by.values, by.keys, rule.num_cells, rule.k, cells);
    for (int64_t c = 0; c < rule.k; c++) {
      const int32_t a = rule.cell1[cells[c]], b = rule.cell2[cells[c]];
      scores[c] = best1[a] + best2[b];
      ids[c] = rank1[a] * rule.n + rank2[b];
    }
  }

 private:
  const SelectRule& rule;
  const int64_t room;
  Scratch<typename KeyOf<T>::Type> keys;
  Scratch<Order<T>> values;
  Scratch<int32_t> some;
  Scratch<int64_t> places;
  Scratch<T> best;
};

template <class T>
peerspec_status select(const SelectJob& job, int64_t begin, int64_t end) {
  const int64_t n = job.rule.n, k = job.rule.k;
  Selector<T> selector(job.rule);
  if (!selector) return PEERSPEC_NO_MEMORY;
  for (int64_t r = begin; r < end; r++) {
    const T *s1 = static_cast<const T*>(job.scores1) + r * n, *s2 = static_cast<const T*>(job.scores2) + r * n;
    selector.row(s1, s2, r + 1 < end ? s1 + n : nullptr, static_cast<T*>(job.scores) + r * k, job.ids + r * k);
  }
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
