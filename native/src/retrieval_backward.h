// The gradients of retrieval. Only the k selected sub-keys of each list receive a gradient, so that the gradient of
// half scores is never stored.
#pragma once

namespace peerspec {
namespace {

// The key head of a head.
PEERSPEC_INLINE int64_t own_keys(const peerspec_router& router, int64_t head) {
  return router.key_heads > 1 ? head : 0;
}

// dq = Σ dscore · sub-key; also writes the numbers of the sub-keys. The parts are lists: one for each token and head.
template <class F>
peerspec_status query_gradients(const RetrieveBackwardJob& job, int64_t begin, int64_t end) {
  using T = typename F::Compute;
  const peerspec_router& router = job.router;
  const int64_t n = router.n, k = router.k, half = router.d_key / 2;
  for (int64_t list = begin; list < end; list++) {
    const int64_t *ids = job.ids + list * k, first = 2 * own_keys(router, list % router.heads) * n;
    if (!in_range(ids, k, n * n)) return PEERSPEC_BAD_ID;
    T* dq = static_cast<T*>(job.dq) + list * router.d_key;
    for (int64_t j = 0; j < k; j += group_size) {
      const int64_t count = k - j < group_size ? k - j : group_size;
      int64_t rows[2][group_size];
      for (int64_t r = 0; r < count; r++) {
        const int64_t a = ids[j + r] / n, b = ids[j + r] - a * n;
        rows[0][r] = first + a;
        rows[1][r] = first + n + b;
        int32_t* sub_keys = job.sub_keys + 2 * (list * k + j + r);
        sub_keys[0] = int32_t(a);
        sub_keys[1] = int32_t(b);
      }
      const T* weights = static_cast<const T*>(job.dscores) + list * k + j;
      for (int64_t side = 0; side < 2; side++)
        add_rows<F>({router.keys, rows[side], count, half}, weights, half, dq + side * half, j > 0);
    }
  }
  return PEERSPEC_OK;
}

// A block of columns of the gradient of one table of sub-keys. One thread sums it, in the order of tokens, heads and
// ranks. The parts are (table, block); a block has as many columns as there are lanes. It is summed apart from the
// table, because a block of each row of a table would occupy few sets of the cache, next to lines that other threads
// write.
template <class T>
peerspec_status key_gradients(const RetrieveBackwardJob& job, int64_t begin, int64_t end) {
  constexpr int64_t lanes = Lanes<T>::count;
  const peerspec_router& router = job.router;
  const int64_t k = router.k, half = router.d_key / 2, blocks = (half + lanes - 1) / lanes;
  const int64_t step = router.key_heads > 1 ? router.heads : 1, lists = job.tokens * router.heads;
  const Scratch<T> sums(router.n * lanes);
  if (!sums) return PEERSPEC_NO_MEMORY;
  for (int64_t part = begin; part < end; part++) {
    const int64_t table = part / blocks, side = table % 2, from = part % blocks * lanes;
    const int64_t count = half - from < lanes ? half - from : lanes;
    clear(sums.get(), router.n * lanes);
    for (int64_t list = table / 2; list < lists; list += step) {
      const T* q = static_cast<const T*>(job.q) + list * router.d_key + side * half + from;
      const T* weights = static_cast<const T*>(job.dscores) + list * k;
      const int32_t* sub_keys = job.sub_keys + 2 * list * k + side;
      const Lanes<T> own = count == lanes ? load<Plain<T>>(q) : load_some<Plain<T>>(q, count);
      for (int64_t j = 0; j < k; j++) {
        T* to = sums.get() + sub_keys[2 * j] * lanes;
        Lanes<T> sum = load<Plain<T>>(to);
        multiply_add(sum, own, weights[j]);
        store(sum, to);
      }
    }
    T* out = static_cast<T*>(job.dkeys) + table * router.n * half + from;
    for (int64_t row = 0; row < router.n; row++)
      __builtin_memcpy(out + row * half, sums.get() + row * lanes, count * sizeof(T));
  }
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
