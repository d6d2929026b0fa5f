// The whole layer in one pass: while the queries and half scores of some tokens are computed, which needs no memory,
// the rows of the experts that the tokens before selected are fetched, which needs nothing else.
//
// What is fetched when decides no value: bits are those of the stages one after the other.
#pragma once

namespace peerspec {
namespace {

// Tokens whose experts are known and not yet mixed; their rows are fetched, and some time after mixed, in step with
// other work.
template <class F>
class Pending {
 public:
  explicit Pending(const MixJob& job) : job(job) {}

  // Tokens begin … end - 1, to be done within so much work; the ones before must be finished.
  void start(int64_t begin, int64_t end, int64_t work) {
    mixed = fetched = first = begin * job.pairs;
    last = end * job.pairs;
    total = work;
    done = 0;
  }

  void advance(int64_t work) {
    if (fetched == last) return;
    done += work;
    const int64_t due = first + (last - first) * done / total;
    for (const int64_t until = due < last ? due : last; fetched < until; fetched++) fetch_pair(fetched);
    while (mixed + behind < fetched) mix_next();
  }

  void finish() {
    for (; mixed < last; mix_next())
      for (const int64_t until = mixed + 2 * group < last ? mixed + 2 * group : last; fetched < until; fetched++)
        fetch_pair(fetched);
  }

 private:
  // Pairs between fetching and mixing: their rows have arrived by then and are still in L2.
  static constexpr int64_t behind = 4 * group;

  void fetch_pair(int64_t at) {
    const peerspec_experts& e = job.experts;
    prefetch<F>(e.u, job.ids + at, 1, e.d_model);
    if (e.w) prefetch<F>(e.w, job.ids + at, 1, e.d_model);
    prefetch<F>(e.v, job.ids + at, 1, e.d_out);
  }

  void mix_next() {
    const int64_t count = next_pairs(job, mixed);
    mix_pairs<F>(job, mixed, count);
    mixed += count;
  }

  const MixJob& job;
  int64_t first = 0, last = 0, fetched = 0, mixed = 0, done = 0, total = 1;
};

// One thread's way through the tokens.
template <class F>
class Pass {
  using T = typename F::Inner;
  static constexpr int64_t lanes = lanes_of<T>;

 public:
  explicit Pass(const ForwardJob& job)
      : job(job), depth(job.query.router.d_model), columns(job.query.router.heads * job.query.router.d_key),
        retriever(job.retrieve), pending(job.mix), x(job.together * depth), q(job.together * columns) {}

  explicit operator bool() const { return x && q && retriever; }

  // Retrieves tokens [begin, end), job.together at most, while those before are mixed.
  void tokens(int64_t begin, int64_t end) {
    const int64_t panels = panels_of<T>(end - begin);
    const auto look = [&](int64_t work) { pending.advance(work); };
    pending.start(before_begin, before_end, panels * lanes * columns * (depth + job.query.router.n));
    queries(begin, end, panels, look);
    for (int64_t p = 0; p < panels; p++)
      for (int64_t head = 0; head < job.query.router.heads; head++) {
        const int64_t first = begin + p * lanes, count = end - first < lanes ? end - first : lanes;
        retriever.head(head, q.get() + (p * columns + head * job.query.router.d_key) * lanes, first, count, look);
      }
    pending.finish();
    const int64_t heads = job.query.router.heads;
    gates<T>({job.query.router.gate, job.retrieve.rule.k, job.retrieve.scores, job.gates}, begin * heads, end * heads);
    before_begin = begin;
    before_end = end;
  }

  void finish() {
    pending.start(before_begin, before_end, 1);
    pending.finish();
  }

 private:
  template <class Look>
  void queries(int64_t begin, int64_t end, int64_t panels, const Look& look) {
    for (int64_t p = 0; p < panels; p++) {
      const int64_t first = begin + p * lanes, count = end - first < lanes ? end - first : lanes;
      pack_panel<Plain<T>>(static_cast<const T*>(job.query.x) + first * depth, depth, count, depth,
                           x.get() + p * depth * lanes);
    }
    for (int64_t c = 0, rows; c < columns; c += rows) {
      rows = next_rows(columns - c);
      query_columns<F>(job.query.router, c, rows, panels, x.get(), q.get(), columns * lanes, look);
    }
  }

  const ForwardJob& job;
  const int64_t depth, columns;
  Retriever<T> retriever;
  Pending<F> pending;
  Scratch<T> x, q;
  int64_t before_begin = 0, before_end = 0;
};

// The parts are threads; each takes the next tokens until there are none.
template <class F>
peerspec_status forward(const ForwardJob& job, int64_t, int64_t) {
  Pass<F> pass(job);
  if (!pass) return PEERSPEC_NO_MEMORY;
  const int64_t tokens = job.mix.tokens;
  for (int64_t begin; (begin = job.next->fetch_add(job.together, std::memory_order_relaxed)) < tokens;)
    pass.tokens(begin, begin + job.together < tokens ? begin + job.together : tokens);
  pass.finish();
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
