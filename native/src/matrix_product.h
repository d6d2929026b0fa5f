// Matrix products. Each element is one inner product, summed in order with fused multiply-adds.
//
// One operand is packed into panels, [depth][lanes]: as many of its rows as there are lanes. The rows of the other
// operand are broadcast, a few at a time. A lane reads only its own row, so that no value depends on the number of
// rows. The products of libraries do not promise this.
#pragma once

namespace peerspec {
namespace {

template <class T>
constexpr int64_t lanes_of = Lanes<T>::count;

// Rows of a tile: enough accumulators to hide the latency of an addition, and registers left for the operands.
constexpr int tile_rows = PEERSPEC_WIDTH == 64 ? 12 : PEERSPEC_WIDTH == 32 ? 6 : 3;
// Panels of a tile: a number that is broadcast serves all of them. With one panel, AVX-512 would load more than it
// multiplies.
constexpr int tile_panels = PEERSPEC_WIDTH == 64 ? 2 : 1;
// Columns of a tile: both operands, for all panels that are computed together, fit into the L1 cache.
constexpr int64_t tile_depth = 256;

template <class T>
PEERSPEC_INLINE int64_t panels_of(int64_t rows) {
  return (rows + lanes_of<T> - 1) / lanes_of<T>;
}

// Transposes a matrix [rows, columns] of multiples of four, by squares of four by four.
template <class T>
PEERSPEC_INLINE void transpose(const T* from, int64_t from_stride, int64_t rows, int64_t columns, T* to,
                               int64_t to_stride) {
  for (int64_t c = 0; c < columns; c += 4)
    for (int64_t r = 0; r < rows; r += 4) {
#if PEERSPEC_WIDTH >= 32
      if constexpr (sizeof(T) == 4) {
        __m128 square[4];
        for (int64_t i = 0; i < 4; i++) square[i] = _mm_loadu_ps(from + (r + i) * from_stride + c);
        _MM_TRANSPOSE4_PS(square[0], square[1], square[2], square[3]);
        for (int64_t i = 0; i < 4; i++) _mm_storeu_ps(to + (c + i) * to_stride + r, square[i]);
        continue;
      }
#endif
      for (int64_t i = 0; i < 4; i++)
        for (int64_t j = 0; j < 4; j++) to[(c + j) * to_stride + r + i] = from[(r + i) * from_stride + c + j];
    }
}

// Packs the rows [0, count) of a matrix into one panel; the lanes after them are zero.
template <class F>
void pack_panel(const typename F::Store* rows, int64_t stride, int64_t count, int64_t depth,
                typename F::Compute* panel) {
  using T = typename F::Compute;
  constexpr int64_t lanes = lanes_of<T>;
  int64_t first = 0;
  if constexpr (sizeof(typename F::Store) == sizeof(T))
    if (count == lanes) transpose(rows, stride, lanes, first = depth - depth % 4, panel, lanes);
  for (int64_t lane = 0; lane < lanes; lane++)
    for (int64_t c = first; c < depth; c++)
      panel[c * lanes + lane] = lane < count ? widen_one(F{}, rows[lane * stride + c]) : T(0);
}

// Writes the columns [0, depth) of the first `count` lanes of a panel to the rows of a matrix.
template <class T>
void unpack_panel(const T* panel, int64_t depth, int64_t count, T* rows, int64_t stride) {
  constexpr int64_t lanes = lanes_of<T>;
  const int64_t first = depth - depth % 4, whole = count - count % 4;
  transpose(panel, lanes, first, whole, rows, stride);
  for (int64_t lane = 0; lane < count; lane++)
    for (int64_t c = lane < whole ? first : 0; c < depth; c++) rows[lane * stride + c] = panel[c * lanes + lane];
}

// The operands of a tile: out[p][r][lane] = Σ_c a[r][c] · panels[p][c][lane], for neighbouring rows and panels.
// `accumulate` starts each sum with the value in `out`, so that a sum taken in several pieces has the same bits.
template <class T>
struct Product {
  const T* a;
  int64_t row_stride, column_stride;
  const T* panels;
  int64_t panel_stride, depth;
  T* out;
  int64_t out_row_stride, out_panel_stride;
  bool accumulate;
};

// The tile of R rows and P panels that starts at panel `first`.
template <class T, int R, int P>
PEERSPEC_INLINE void tile_of(const Product<T>& by, int64_t first) {
  const T* panels[P];
  T* out[P];
  Lanes<T> sums[R][P];
  for (int p = 0; p < P; p++) {
    panels[p] = by.panels + (first + p) * by.panel_stride;
    out[p] = by.out + (first + p) * by.out_panel_stride;
  }
#pragma GCC unroll 12
  for (int r = 0; r < R; r++)
    for (int p = 0; p < P; p++)
      sums[r][p] = by.accumulate ? load<Plain<T>>(out[p] + r * by.out_row_stride) : Lanes<T>{};
  for (int64_t c = 0; c < by.depth; c++) {
    Lanes<T> columns[P];
    for (int p = 0; p < P; p++) columns[p] = load<Plain<T>>(panels[p] + c * lanes_of<T>);
#pragma GCC unroll 12
    for (int r = 0; r < R; r++) {
      const Lanes<T> number = broadcast(by.a + r * by.row_stride + c * by.column_stride);
      for (int p = 0; p < P; p++) multiply_add(sums[r][p], columns[p], number);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < R; r++)
    for (int p = 0; p < P; p++) store(sums[r][p], out[p] + r * by.out_row_stride);
}

// All tiles of up to `tile_rows` rows.
template <class T, int R = tile_rows>
void tiles(const Product<T>& by, int64_t rows, int64_t panels) {
  if constexpr (R > 1)
    if (rows < R) return tiles<T, R - 1>(by, rows, panels);
  int64_t p = 0;
  for (; p + tile_panels <= panels; p += tile_panels) tile_of<T, R, tile_panels>(by, p);
  if constexpr (tile_panels > 1)
    for (; p < panels; p++) tile_of<T, R, 1>(by, p);
}

// The rows of the next tile if `left` rows remain: all tiles about equal, because a small tile leaves units idle.
PEERSPEC_INLINE int64_t next_rows(int64_t left) {
  const int64_t tiles = (left + tile_rows - 1) / tile_rows;
  return (left + tiles - 1) / tiles;
}

// Rows of a table in the compute dtype: the rows themselves, or a widened copy in `buffer` with a stride of `depth`.
template <class T>
PEERSPEC_INLINE const T* widened(Plain<T>, const T* rows, int64_t, int64_t, T*, int64_t*) {
  return rows;
}

template <class F>
PEERSPEC_INLINE const float* widened(F, const uint16_t* rows, int64_t count, int64_t depth, float* buffer,
                                     int64_t* stride) {
  for (int64_t r = 0; r < count; r++)
    for (int64_t c = 0; c < depth; c++) buffer[r * depth + c] = widen_one(F{}, rows[r * *stride + c]);
  *stride = depth;
  return buffer;
}

}  // namespace
}  // namespace peerspec
