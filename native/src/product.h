// Products of matrices, each element one inner product summed in order with fused multiply-adds.
//
// One operand is packed into panels of as many rows as there are lanes, [depth][lanes]; the rows of the other are
// broadcast, some at a time. A lane sees its own rows only, so no value depends on how many others there are: library
// products promise no such thing.
#pragma once

namespace peerspec {
namespace {

template <class T>
constexpr int64_t lanes_of = Lanes<T>::count;

// Rows whose accumulators leave registers for the operands, and are enough to hide an addition's latency.
constexpr int rows_together = PEERSPEC_WIDTH == 64 ? 12 : PEERSPEC_WIDTH == 32 ? 6 : 3;
// Columns whose parts of both operands, for all panels that are taken together, stay in L1.
constexpr int64_t depth_together = 256;

template <class T>
PEERSPEC_INLINE int64_t panels_of(int64_t rows) {
  return (rows + lanes_of<T> - 1) / lanes_of<T>;
}

// Columns [0, n) of a whole panel, as many as can be moved in squares of four by four; returns n.
template <class F>
PEERSPEC_INLINE int64_t pack_squares([[maybe_unused]] const typename F::Store* rows, [[maybe_unused]] int64_t stride,
                                     [[maybe_unused]] int64_t depth, [[maybe_unused]] typename F::Compute* panel) {
#if PEERSPEC_WIDTH >= 32
  if constexpr (sizeof(typename F::Store) == 4) {
    constexpr int64_t lanes = lanes_of<float>;
    for (int64_t c = 0; c + 4 <= depth; c += 4)
      for (int64_t lane = 0; lane < lanes; lane += 4) {
        __m128 square[4];
        for (int64_t r = 0; r < 4; r++) square[r] = _mm_loadu_ps(rows + (lane + r) * stride + c);
        _MM_TRANSPOSE4_PS(square[0], square[1], square[2], square[3]);
        for (int64_t r = 0; r < 4; r++) _mm_store_ps(panel + (c + r) * lanes + lane, square[r]);
      }
    return depth - depth % 4;
  }
#endif
  return 0;
}

// Rows [0, count) of a matrix as one panel; lanes beyond are zero.
template <class F>
void pack_panel(const typename F::Store* rows, int64_t stride, int64_t count, int64_t depth,
                typename F::Compute* panel) {
  using T = typename F::Compute;
  constexpr int64_t lanes = lanes_of<T>;
  const int64_t first = count == lanes ? pack_squares<F>(rows, stride, depth, panel) : 0;
  for (int64_t lane = 0; lane < lanes; lane++)
    for (int64_t c = first; c < depth; c++)
      panel[c * lanes + lane] = lane < count ? widen_one(F{}, rows[lane * stride + c]) : T(0);
}

// out[r][lane] = Σ_c a[r][c] · panel[c][lane], the rows of `a` and its columns that far apart; with `more`, on top of
// what `out` holds, so that a sum may be taken in several pieces and keeps its bits.
template <class T, int R>
PEERSPEC_INLINE void tile_of(bool more, const T* a, int64_t row_stride, int64_t column_stride, const T* panel,
                             int64_t depth, T* out, int64_t out_stride) {
  Lanes<T> sums[R];
#pragma GCC unroll 12
  for (int r = 0; r < R; r++)
    if (more)
      sums[r] = load<Plain<T>>(out + r * out_stride);
    else
      for (auto& part : sums[r].part) part = typename Lanes<T>::Vec{};
  for (int64_t c = 0; c < depth; c++) {
    const Lanes<T> column = load<Plain<T>>(panel + c * lanes_of<T>);
#pragma GCC unroll 12
    for (int r = 0; r < R; r++) multiply_add(sums[r], column, a[r * row_stride + c * column_stride]);
  }
#pragma GCC unroll 12
  for (int r = 0; r < R; r++) store(sums[r], out + r * out_stride);
}

template <class T, int R = rows_together>
void tile(int64_t rows, bool more, const T* a, int64_t row_stride, int64_t column_stride, const T* panel,
          int64_t depth, T* out, int64_t out_stride) {
  if constexpr (R > 1)
    if (rows < R) return tile<T, R - 1>(rows, more, a, row_stride, column_stride, panel, depth, out, out_stride);
  tile_of<T, R>(more, a, row_stride, column_stride, panel, depth, out, out_stride);
}

// How many rows to take next where `left` are: as even as can be, for a small tile leaves units idle.
PEERSPEC_INLINE int64_t next_rows(int64_t left) {
  const int64_t tiles = (left + rows_together - 1) / rows_together;
  return (left + tiles - 1) / tiles;
}

// Rows of a table in their compute dtype: themselves, or a widened copy in `room`, whose rows are `depth` apart.
template <class T>
PEERSPEC_INLINE const T* widened(Plain<T>, const T* rows, int64_t, int64_t, T*, int64_t*) {
  return rows;
}

template <class F>
PEERSPEC_INLINE const float* widened(F, const uint16_t* rows, int64_t count, int64_t depth, float* room,
                                     int64_t* stride) {
  for (int64_t r = 0; r < count; r++)
    for (int64_t c = 0; c < depth; c++) room[r * depth + c] = widen_one(F{}, rows[r * *stride + c]);
  *stride = depth;
  return room;
}

}  // namespace
}  // namespace peerspec
