// The whole layer: all stages of some tokens, one after the other, while what they hand on is in the cache.
//
// Fetching the rows of some tokens while half scores of the next are computed was tried and gained nothing: rows lie on
// pages of their own, and a prefetch holds up what follows it until its address is translated.
#pragma once

namespace peerspec {
namespace {

// One thread's way through the tokens.
template <class F>
class Pass {
  using T = typename F::Compute;
  static constexpr int64_t lanes = lanes_of<T>;

 public:
  explicit Pass(const ForwardJob& job)
      : job(job), router(job.query.router), columns(router.heads * router.d_key), retriever(job.retrieve),
        x(job.together * router.d_model), q(job.together * columns) {}

  explicit operator bool() const { return x && q && retriever; }

  // Tokens [begin, end), job.together at most.
  peerspec_status tokens(int64_t begin, int64_t end) {
    const int64_t panels = panels_of<T>(end - begin);
    queries(begin, end, panels);
    for (int64_t head = 0; head < router.heads; head++)
      for (int64_t p = 0; p < panels; p++) {
        const int64_t first = begin + p * lanes, count = end - first < lanes ? end - first : lanes;
        retriever.head(head, q.get() + (p * columns + head * router.d_key) * lanes, first, count);
      }
    gates<T>({router.gate, job.retrieve.rule.k, job.retrieve.scores, job.gates}, begin * router.heads, end * router.heads);
    return job.mixer(job.expert_stage, begin, end);
  }

 private:
  void queries(int64_t begin, int64_t end, int64_t panels) {
    const int64_t depth = router.d_model;
    for (int64_t p = 0; p < panels; p++) {
      const int64_t first = begin + p * lanes, count = end - first < lanes ? end - first : lanes;
      pack_panel<Plain<T>>(static_cast<const T*>(job.query.x) + first * depth, depth, count, depth,
                           x.get() + p * depth * lanes);
    }
    for (int64_t c = 0, rows; c < columns; c += rows) {
      rows = next_rows(columns - c);
      query_columns<F>(router, c, rows, panels, x.get(), q.get(), columns * lanes);
    }
  }

  const ForwardJob& job;
  const peerspec_router& router;
  const int64_t columns;
  Retriever<T> retriever;
  Scratch<T> x, q;
};

// The parts are threads; each takes the next tokens until there are none.
template <class F>
peerspec_status forward(const ForwardJob& job, int64_t, int64_t) {
  Pass<F> pass(job);
  if (!pass) return PEERSPEC_NO_MEMORY;
  const int64_t tokens = job.expert_stage.tokens;
  for (int64_t begin; (begin = job.next->fetch_add(job.together, std::memory_order_relaxed)) < tokens;) {
    const int64_t end = begin + job.together < tokens ? begin + job.together : tokens;
    if (const peerspec_status status = pass.tokens(begin, end)) return status;
  }
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
