// Exact selection: the best of each half, then the best of the staircase of their sums (SPEC.md, section 2.2).
//
// The best scores of a half are found without sorting the half: divide it into interleaved groups, and take the k-th
// largest of their maxima as a threshold. At least k scores reach it, and only those are ranked. With twice as many
// groups as k, about 1.4 k scores of random data reach the threshold.
#pragma once

namespace peerspec {
namespace {

constexpr int num_groups = 64;
constexpr int64_t max_k_by_threshold = num_groups / 2;  // for larger k the groups leave too many candidates

#if PEERSPEC_WIDTH >= 32
// Which of 64 scores reach the threshold.
PEERSPEC_INLINE uint64_t reaching(const float* scores, float threshold) {
  uint64_t mask = 0;
#if PEERSPEC_WIDTH == 64
  const __m512 limit = _mm512_set1_ps(threshold);
  for (int part = 0; part < 4; part++)
    mask |= uint64_t(_mm512_cmp_ps_mask(_mm512_loadu_ps(scores + 16 * part), limit, _CMP_GE_OQ)) << (16 * part);
#else
  const __m256 limit = _mm256_set1_ps(threshold);
  for (int part = 0; part < 8; part++) {
    const __m256 reached = _mm256_cmp_ps(_mm256_loadu_ps(scores + 8 * part), limit, _CMP_GE_OQ);
    mask |= uint64_t(uint32_t(_mm256_movemask_ps(reached))) << (8 * part);
  }
#endif
  return mask;
}
#endif

// Writes the positions of all scores that reach the threshold, ascending, and returns their number. `out` has room for
// n + 16 positions. There is no branch on a score, because it would be mispredicted at most candidates.
template <class T>
PEERSPEC_INLINE int64_t positions_reaching(const T* scores, int64_t n, T threshold, int32_t* out) {
  int64_t count = 0, i = 0;
#if PEERSPEC_WIDTH >= 32
  if constexpr (sizeof(T) == 4) {
    constexpr int always_written = 4;  // positions that are written for 64 scores even if fewer reach the threshold
    for (; i + 64 <= n; i += 64) {
      uint64_t mask = reaching(scores + i, threshold);
      const int64_t end = count + __builtin_popcountll(mask);
      for (int at = 0; at < always_written; at++, mask &= mask - 1) out[count + at] = int32_t(i + _tzcnt_u64(mask));
      for (count += always_written; mask; mask &= mask - 1) out[count++] = int32_t(i + _tzcnt_u64(mask));
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
PEERSPEC_INLINE Lanes<T> maximum(const Lanes<T>& a, const Lanes<T>& b) {
  Lanes<T> out;
  for (int i = 0; i < Lanes<T>::parts; i++) out.part[i] = a.part[i] > b.part[i] ? a.part[i] : b.part[i];
  return out;
}

template <class Vec>
PEERSPEC_INLINE Vec minimum(const Vec& a, const Vec& b) {
  return a < b ? a : b;
}

// The least number of one vector, by halves.
template <class T, int bytes>
PEERSPEC_INLINE T minimum_of(const typename Vector<T, bytes>::Type& vector) {
  if constexpr (bytes == sizeof(T)) {
    return vector[0];
  } else {
    typename Vector<T, bytes / 2>::Type halves[2];
    __builtin_memcpy(halves, &vector, bytes);
    return minimum_of<T, bytes / 2>(minimum(halves[0], halves[1]));
  }
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
      for (int i = 0; i < Lanes<T>::parts; i++) count_where(values[v].part[i] < one, above[v][i]);
  }
  Lanes<T> least;
  for (int i = 0; i < Lanes<T>::parts; i++) {
    least.part[i] = Vec{} + T(__builtin_inf());
    for (int v = 0; v < count; v++) {
      const Vec among = above[v][i] < int32_t(k) ? values[v].part[i] : least.part[i];
      least.part[i] = minimum(among, least.part[i]);
    }
  }
  for (int half = Lanes<T>::parts / 2; half; half /= 2)
    for (int i = 0; i < half; i++) least.part[i] = minimum(least.part[i], least.part[i + half]);
  return minimum_of<T, PEERSPEC_WIDTH>(least.part[0]);
}

// The k-th largest of the maxima of the groups; NaN is ignored.
template <class T>
PEERSPEC_INLINE T threshold_of(const T* scores, int64_t whole, int64_t k) {
  constexpr int step = Lanes<T>::count, parts = num_groups / step;
  Lanes<T> maxima[parts];
  for (Lanes<T>& lanes : maxima)
    for (auto& part : lanes.part) part = typename Lanes<T>::Vec{} - T(__builtin_inf());
  for (int64_t c = 0; c < whole; c += num_groups)
    for (int p = 0; p < parts; p++) maxima[p] = maximum(load<Plain<T>>(scores + c + p * step), maxima[p]);
  if (4 * k > num_groups) return kth_largest<T, parts>(maxima, k);
  for (int p = 0; p < parts / 2; p++) maxima[p] = maximum(maxima[p], maxima[p + parts / 2]);
  return kth_largest<T, parts / 2>(maxima, k);
}

// Scratch memory for ranking: `values` and `keys` have room for n and one more block, `candidates` for n + 16.
template <class T>
struct Ranking {
  Order<T>* values;
  typename KeyOf<T>::Type* keys;
  int32_t* candidates;
};

// Writes the positions of the k best scores of one half, best first.
template <class T>
void best_of_half(const T* scores, int64_t n, int64_t k, const Ranking<T>& by, int64_t* out) {
  const int64_t whole = n - n % num_groups;
  if (k <= max_k_by_threshold && whole >= 2 * num_groups) {
    const int64_t count = positions_reaching(scores, n, threshold_of(scores, whole, k), by.candidates);
    if (count >= k) {  // false only if fewer than k scores are not NaN
      for (int64_t c = 0; c < count; c++) by.values[c] = order(scores[by.candidates[c]]);
      best_positions(by.values, by.keys, count, k, out);
      for (int64_t c = 0; c < k; c++) out[c] = by.candidates[out[c]];
      return;
    }
  }
  for (int64_t i = 0; i < n; i++) by.values[i] = order(scores[i]);
  best_positions(by.values, by.keys, n, k, out);
}

// Prefetches a row of half scores, because the hardware prefetcher does not cross into the page of the next row.
template <class T>
PEERSPEC_INLINE void prefetch_row(const T* scores, int64_t n) {
  for (int64_t i = 0; i < n; i += int64_t(64 / sizeof(T))) __builtin_prefetch(scores + i, 0, 3);
}

// Selects the experts of one row after the other, and owns the scratch memory for it.
template <class T>
class Selector {
 public:
  explicit Selector(const SelectRule& rule)
      : rule(rule),
        capacity((rule.n > rule.num_cells ? rule.n : rule.num_cells) + block_of<Order<T>>),
        keys(capacity),
        values(capacity),
        candidates(rule.n + 16),
        positions(2 * rule.k_half + rule.k),
        best(2 * rule.k_half) {}

  explicit operator bool() const { return keys && values && candidates && positions && best; }

  // Prefetches the second half while the first is ranked, and the row `next` (or null) while the second is ranked.
  void row(const T* s1, const T* s2, const T* next, T* scores, int64_t* ids) {
    const Ranking<T> by{values.get(), keys.get(), candidates.get()};
    int64_t *rank1 = positions.get(), *rank2 = rank1 + rule.k_half, *cells = rank2 + rule.k_half;
    T *best1 = best.get(), *best2 = best1 + rule.k_half;
    prefetch_row(s2, rule.n);
    best_of_half(s1, rule.n, rule.k_half, by, rank1);
    if (next) prefetch_row(next, rule.n);
    best_of_half(s2, rule.n, rule.k_half, by, rank2);
    for (int64_t a = 0; a < rule.k_half; a++) best1[a] = s1[rank1[a]], best2[a] = s2[rank2[a]];
    for (int64_t c = 0; c < rule.num_cells; c++) by.values[c] = order(best1[rule.cell1[c]] + best2[rule.cell2[c]]);
    best_positions(by.values, by.keys, rule.num_cells, rule.k, cells);
    for (int64_t c = 0; c < rule.k; c++) {
      const int32_t a = rule.cell1[cells[c]], b = rule.cell2[cells[c]];
      scores[c] = best1[a] + best2[b];
      ids[c] = rank1[a] * rule.n + rank2[b];
    }
  }

 private:
  const SelectRule& rule;
  const int64_t capacity;
  Scratch<typename KeyOf<T>::Type> keys;
  Scratch<Order<T>> values;
  Scratch<int32_t> candidates;
  Scratch<int64_t> positions;
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
