// The whole layer: all stages for a few tokens, then for the next few, so that intermediate results stay in the cache.
//
// Prefetching the rows of some tokens during the half scores of the next gained nothing: each row lies on its own
// page, and a prefetch delays the instructions after it until its address is translated.
#pragma once

namespace peerspec {
namespace {

// The forward pass of one thread.
template <class F>
class ForwardPass {
  using T = typename F::Compute;
  static constexpr int64_t lanes = lanes_of<T>;

 public:
  explicit ForwardPass(const ForwardJob& job)
      : job(job),
        router(job.query.router),
        columns(router.heads * router.d_key),
        retriever(job.retrieve),
        x(job.tokens_together * router.d_model),
        q(job.tokens_together * columns) {}

  explicit operator bool() const { return x && q && retriever; }

  // Evaluates the tokens [begin, end), at most job.tokens_together.
  peerspec_status evaluate(int64_t begin, int64_t end) {
    const int64_t panels = panels_of<T>(end - begin);
    queries(begin, end, panels);
    for (int64_t head = 0; head < router.heads; head++)
      for (int64_t p = 0; p < panels; p++) {
        const int64_t first = begin + p * lanes, count = end - first < lanes ? end - first : lanes;
        retriever.head(head, q.get() + (p * columns + head * router.d_key) * lanes, first, count);
      }
    gates<T>({router.gate, job.retrieve.rule.k, job.retrieve.scores, job.gates}, begin * router.heads,
             end * router.heads);
    return job.expert_stage_kernel(job.expert_stage, begin, end);
  }

 private:
  void queries(int64_t begin, int64_t end, int64_t panels) {
    pack_tokens(static_cast<const T*>(job.query.x), begin, end, router.d_model, x.get());
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

// The parts are threads. Each thread takes the next tokens until none are left.
template <class F>
peerspec_status forward(const ForwardJob& job, int64_t, int64_t) {
  ForwardPass<F> pass(job);
  if (!pass) return PEERSPEC_NO_MEMORY;
  const int64_t tokens = job.expert_stage.tokens;
  for (int64_t begin; (begin = job.next->fetch_add(job.tokens_together, std::memory_order_relaxed)) < tokens;) {
    const int64_t end = begin + job.tokens_together < tokens ? begin + job.tokens_together : tokens;
    if (const peerspec_status status = pass.evaluate(begin, end)) return status;
  }
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
