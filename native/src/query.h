// Queries: h independent linear maps of the token (SPEC.md, QRY-1). Each lane holds one token; the rows of the weights
// are broadcast and need no copy.
#pragma once

namespace peerspec {
namespace {

// Computes the columns [first, first + rows) of q, rows <= tile_rows, for consecutive panels of x. out[panel] is
// [columns][lanes]; only these columns are written.
template <class F>
void query_columns(const peerspec_router& router, int64_t first, int64_t rows, int64_t panels,
                   const typename F::Compute* x, typename F::Compute* out, int64_t out_size) {
  using T = typename F::Compute;
  constexpr int64_t lanes = lanes_of<T>;
  const int64_t depth = router.d_model;
  const auto* weight = static_cast<const typename F::Store*>(router.weight) + first * depth;
  T buffer[tile_rows * tile_depth];
  for (int64_t c = 0; c < depth; c += tile_depth) {
    const int64_t columns = depth - c < tile_depth ? depth - c : tile_depth;
    int64_t stride = depth;
    const T* a = widened(F{}, weight + c, rows, columns, buffer, &stride);
    tiles<T>({a, stride, 1, x + c * lanes, depth * lanes, columns, out + first * lanes, lanes, out_size, c > 0}, rows,
             panels);
  }
  if (!router.bias) return;
  for (int64_t p = 0; p < panels; p++)
    for (int64_t r = first; r < first + rows; r++) {
      const T bias = widen_one(F{}, static_cast<const typename F::Store*>(router.bias)[r]);
      for (int64_t lane = 0; lane < lanes; lane++) out[p * out_size + r * lanes + lane] += bias;
    }
}

template <class T>
PEERSPEC_INLINE int64_t tokens_in(int64_t panel, int64_t tokens) {
  const int64_t left = tokens - panel * lanes_of<T>;
  return left < lanes_of<T> ? left : lanes_of<T>;
}

// Packs the tokens [begin, end) into consecutive panels.
template <class T>
PEERSPEC_INLINE void pack_tokens(const T* x, int64_t begin, int64_t end, int64_t depth, T* panels) {
  for (int64_t p = 0; p < panels_of<T>(end - begin); p++)
    pack_panel<Plain<T>>(x + (begin + p * lanes_of<T>) * depth, depth, tokens_in<T>(p, end - begin), depth,
                         panels + p * depth * lanes_of<T>);
}

// The parts are (tokens_together tokens, block of columns).
template <class F>
peerspec_status query(const QueryJob& job, int64_t begin, int64_t end) {
  using T = typename F::Compute;
  constexpr int64_t lanes = lanes_of<T>;
  const peerspec_router& router = job.router;
  const int64_t columns = router.heads * router.d_key, size = columns * lanes;
  const int64_t blocks = (columns + job.columns_together - 1) / job.columns_together;
  const Scratch<T> x(job.tokens_together * router.d_model), q(job.tokens_together * columns);
  if (!x || !q) return PEERSPEC_NO_MEMORY;
  for (int64_t part = begin; part < end; part++) {
    const int64_t first = part / blocks * job.tokens_together, from = part % blocks * job.columns_together;
    const int64_t last = first + job.tokens_together < job.tokens ? first + job.tokens_together : job.tokens;
    const int64_t to = from + job.columns_together < columns ? from + job.columns_together : columns;
    const int64_t panels = panels_of<T>(last - first);
    pack_tokens(static_cast<const T*>(job.x), first, last, router.d_model, x.get());
    for (int64_t c = from, rows; c < to; c += rows) {
      rows = next_rows(to - c);
      query_columns<F>(router, c, rows, panels, x.get(), q.get(), size);
    }
    for (int64_t p = 0; p < panels; p++)
      unpack_panel(q.get() + p * size + from * lanes, to - from, tokens_in<T>(p, last - first),
                   static_cast<T*>(job.q) + (first + p * lanes) * columns + from, columns);
  }
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
