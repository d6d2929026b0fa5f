// Retrieval: half scores (SPEC.md, SCO-1) and selection, for one panel of tokens at a time. Half scores stay in the
// cache.
#pragma once

namespace peerspec {
namespace {

template <class T>
PEERSPEC_INLINE int64_t panel_size(const peerspec_router& router) {
  return router.d_key / 2 * lanes_of<T>;
}

// Packs the sub-keys. The parts are the panels of all key heads and halves.
template <class F>
peerspec_status pack(const PackJob& job, int64_t begin, int64_t end) {
  using T = typename F::Compute;
  constexpr int64_t lanes = lanes_of<T>;
  const int64_t n = job.router.n, half = job.router.d_key / 2, panels = panels_of<T>(n);
  for (int64_t part = begin; part < end; part++) {
    const int64_t table = part / panels, first = part % panels * lanes;
    const auto* keys = static_cast<const typename F::Store*>(job.router.keys) + (table * n + first) * half;
    pack_panel<F>(keys, half, n - first < lanes ? n - first : lanes, half,
                  static_cast<T*>(job.panels) + part * half * lanes);
  }
  return PEERSPEC_OK;
}

// Retrieval for the tokens of one panel and one head.
template <class T>
class Retriever {
 public:
  explicit Retriever(const RetrieveJob& job)
      : job(job),
        selector(job.rule),
        width((panels_of<T>(job.router.n) + 1) * lanes_of<T>),
        scores(2 * lanes_of<T> * width) {}

  explicit operator bool() const { return scores && selector; }

  // `q` [d, lanes] holds the queries of one head for the tokens first … first + count - 1.
  void head(int64_t head, const T* q, int64_t first, int64_t count) {
    const int64_t half = job.router.d_key / 2, own = job.router.key_heads > 1 ? head : 0;
    for (int64_t side = 0; side < 2; side++)
      half_scores(q + side * half * lanes_of<T>, 2 * own + side, count, scores.get() + side * lanes_of<T> * width);
    for (int64_t t = 0; t < count; t++) {
      const T* s1 = scores.get() + t * width;
      const int64_t row = ((first + t) * job.router.heads + head) * job.rule.k;
      selector.row(s1, s1 + lanes_of<T> * width, nullptr, static_cast<T*>(job.scores) + row, job.ids + row);
    }
  }

 private:
  // out [count, width]: each lane holds one sub-key
  void half_scores(const T* q, int64_t table, int64_t count, T* out) {
    const int64_t panels = panels_of<T>(job.router.n), half = job.router.d_key / 2, size = panel_size<T>(job.router);
    const T* keys = static_cast<const T*>(job.panels) + table * panels * size;
    for (int64_t t = 0, rows; t < count; t += rows) {
      rows = next_rows(count - t);
      tiles<T>({q + t, 1, lanes_of<T>, keys, size, half, out + t * width, width, lanes_of<T>, false}, rows, panels);
    }
  }

  const RetrieveJob& job;
  Selector<T> selector;
  // n, rounded up to whole panels, and one more panel, so that rows do not all fall into one set of the cache.
  const int64_t width;
  Scratch<T> scores;
};

// The parts are (panel of tokens, head).
template <class T>
peerspec_status retrieve(const RetrieveJob& job, int64_t begin, int64_t end) {
  const int64_t heads = job.router.heads, d = job.router.d_key;
  Retriever<T> retriever(job);
  const Scratch<T> panel(d * lanes_of<T>);
  if (!retriever || !panel) return PEERSPEC_NO_MEMORY;
  for (int64_t part = begin; part < end; part++) {
    const int64_t head = part % heads, first = part / heads * lanes_of<T>;
    const int64_t count = tokens_in<T>(part / heads, job.tokens);
    pack_panel<Plain<T>>(static_cast<const T*>(job.q) + (first * heads + head) * d, heads * d, count, d, panel.get());
    retriever.head(head, panel.get(), first, count);
  }
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
