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

// The parts are (panel of tokens, block of columns); the blocks of one panel follow each other.
template <class F>
peerspec_status query(const QueryJob& job, int64_t begin, int64_t end) {
  using T = typename F::Compute;
  constexpr int64_t lanes = lanes_of<T>;
  const peerspec_router& router = job.router;
  const int64_t depth = router.d_model, columns = router.heads * router.d_key;
  const int64_t blocks = (columns + columns_per_part - 1) / columns_per_part;
  const Scratch<T> x(depth * lanes), q(columns * lanes);
  if (!x || !q) return PEERSPEC_NO_MEMORY;
  for (int64_t part = begin, packed = -1; part < end; part++) {
    const int64_t panel = part / blocks, from = part % blocks * columns_per_part;
    const int64_t to = from + columns_per_part < columns ? from + columns_per_part : columns;
    const int64_t first = panel * lanes, count = tokens_in<T>(panel, job.tokens);
    if (packed != panel)
      pack_panel<Plain<T>>(static_cast<const T*>(job.x) + first * depth, depth, count, depth, x.get());
    packed = panel;
    for (int64_t c = from, rows; c < to; c += rows) {
      rows = next_rows(to - c);
      query_columns<F>(router, c, rows, 1, x.get(), q.get(), 0);
    }
    for (int64_t t = 0; t < count; t++)
      for (int64_t c = from; c < to; c++) static_cast<T*>(job.q)[(first + t) * columns + c] = q.get()[c * lanes + t];
  }
  return PEERSPEC_OK;
}

}  // namespace
}  // namespace peerspec
