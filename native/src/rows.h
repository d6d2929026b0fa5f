// Selected rows of a table: their inner products with one vector, and their weighted sum.
//
// Several rows are read at once, and the next ones prefetched, which hides the latency of memory. Each inner product is
// summed lane by lane, and rows are added in the order of their ids, so that the bits do not depend on how many rows
// are read at once.
#pragma once

namespace peerspec {
namespace {

constexpr int group_size = 8;  // rows that are fetched together
// Rows whose accumulators fit into the registers; an accumulator has 64 bytes.
constexpr int rows_at_once = PEERSPEC_WIDTH / 8;

// The rows of a table, and for I8 the scale of each row.
struct Table {
  Table(const void* rows, const float* scales = nullptr) : rows(rows), scales(scales) {}
  const void* rows;
  const float* scales;
};

// The rows `ids` of a table, `width` numbers apart.
struct Rows {
  Table table;
  const int64_t* ids;
  int64_t count, width;
};

template <class F>
struct Row {
  Row() = default;
  Row(const Table& table, int64_t id, int64_t width)
      : numbers(static_cast<const typename F::Store*>(table.rows) + id * width),
        scale(sizeof(typename F::Store) == 1 ? table.scales[id] : 1) {}
  const typename F::Store* numbers;
  float scale;
};

template <class F>
PEERSPEC_INLINE Lanes<typename F::Compute> scaled(Lanes<typename F::Compute> lanes, const Row<F>& row) {
  if constexpr (sizeof(typename F::Store) == 1)
    for (auto& part : lanes.part) part *= row.scale;
  return lanes;
}

template <class F>
PEERSPEC_INLINE Lanes<typename F::Compute> load(const Row<F>& row, int64_t at) {
  return scaled(load<F>(row.numbers + at), row);
}

template <class F>
PEERSPEC_INLINE Lanes<typename F::Compute> load_some(const Row<F>& row, int64_t at, int64_t count) {
  return scaled(load_some<F>(row.numbers + at, count), row);
}

// Prefetches one number, such as the scale of a row.
PEERSPEC_INLINE void prefetch_number(const void* table, int64_t index, int64_t bytes) {
  const uintptr_t at = reinterpret_cast<uintptr_t>(table) + uintptr_t(index) * uintptr_t(bytes);
  __builtin_prefetch(reinterpret_cast<const void*>(at), 0, 3);
}

constexpr int64_t cache_line = 64;

// Prefetches one cache line of each `step` bytes of the rows. One of each KiB translates the address of the page and
// starts the hardware prefetcher along the row; for rows that are only read this is faster than every line, because the
// queue of pending lines is short.
template <class F>
PEERSPEC_INLINE void prefetch(const Table& table, const int64_t* ids, int64_t count, int64_t width,
                              int64_t step = 1024) {
  const int64_t bytes = width * int64_t(sizeof(typename F::Store));
  for (int64_t r = 0; r < count; r++) {
    const uintptr_t start = reinterpret_cast<uintptr_t>(table.rows) + uintptr_t(ids[r]) * uintptr_t(bytes);
    for (int64_t byte = 0; byte < bytes; byte += step)
      __builtin_prefetch(reinterpret_cast<const void*>(start + byte), 0, 3);
    if constexpr (sizeof(typename F::Store) == 1) prefetch_number(table.scales, ids[r], sizeof *table.scales);
  }
}

// Prefetches the group of rows at `from`, or the first of `next` after the last group.
template <class F>
PEERSPEC_INLINE void prefetch_group(const Rows& rows, int64_t from, const Rows& next) {
  const Rows& in = from < rows.count ? rows : next;
  const int64_t first = from < rows.count ? from : 0, left = in.count - first;
  prefetch<F>(in.table, in.ids + first, left < group_size ? left : group_size, in.width);
}

template <class F, int R>
PEERSPEC_INLINE void gather_dot_of(const Table& table, const int64_t* ids, const typename F::Compute* x, int64_t width,
                                   typename F::Compute* out) {
  using T = typename F::Compute;
  constexpr int64_t step = Lanes<T>::count;
  Row<F> rows[R];
  Lanes<T> sums[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    rows[r] = Row<F>(table, ids[r], width);
    sums[r] = Lanes<T>{};
  }
  int64_t c = 0;
  for (; c + step <= width; c += step) {
    const Lanes<T> part = load<Plain<T>>(x + c);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) multiply_add(sums[r], load(rows[r], c), part);
  }
  if (c < width) {
    const Lanes<T> part = load_some<Plain<T>>(x + c, width - c);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) multiply_add(sums[r], load_some(rows[r], c, width - c), part);
  }
  reduce_rows(sums, out);
}

// A row has `stride` numbers, of which the first `width` are added to y, or to zero.
template <class F, int R>
PEERSPEC_INLINE void add_rows_of(bool accumulate, const Table& table, const int64_t* ids,
                                 const typename F::Compute* weights, int64_t width, typename F::Compute* y,
                                 int64_t stride) {
  using T = typename F::Compute;
  constexpr int64_t step = Lanes<T>::count;
  Row<F> rows[R];
  Lanes<T> own[R];  // the compiler must assume that a store to y changes `weights`
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    rows[r] = Row<F>(table, ids[r], stride);
    own[r] = broadcast(weights + r);
  }
  int64_t c = 0;
  for (; c + step <= width; c += step) {
    Lanes<T> sum = accumulate ? load<Plain<T>>(y + c) : Lanes<T>{};
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) multiply_add(sum, load(rows[r], c), own[r]);
    store(sum, y + c);
  }
  if (c < width) {
    Lanes<T> sum = accumulate ? load_some<Plain<T>>(y + c, width - c) : Lanes<T>{};
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) multiply_add(sum, load_some(rows[r], c, width - c), own[r]);
    T values[step];
    store(sum, values);
    __builtin_memcpy(y + c, values, (width - c) * sizeof(T));
  }
}

// out[r] = row r · x; then `next` will be read
template <class F>
void gather_dot(const Rows& rows, const typename F::Compute* x, const Rows& next, typename F::Compute* out) {
  for (int64_t r = 0, end; r < rows.count;) {
    end = rows.count - r < group_size ? rows.count : r + group_size;
    prefetch_group<F>(rows, end, next);
    for (; r + rows_at_once <= end; r += rows_at_once)
      gather_dot_of<F, rows_at_once>(rows.table, rows.ids + r, x, rows.width, out + r);
    for (; r < end; r++) gather_dot_of<F, 1>(rows.table, rows.ids + r, x, rows.width, out + r);
  }
}

// y += Σ weights[r] · the first `width` numbers of row r, or y = that sum
template <class F>
void add_rows(const Rows& rows, const typename F::Compute* weights, int64_t width, typename F::Compute* y,
              bool accumulate = true) {
  int64_t r = 0;
  for (; r + group_size <= rows.count; r += group_size, accumulate = true)
    add_rows_of<F, group_size>(accumulate, rows.table, rows.ids + r, weights + r, width, y, rows.width);
  for (; r < rows.count; r++, accumulate = true)
    add_rows_of<F, 1>(accumulate, rows.table, rows.ids + r, weights + r, width, y, rows.width);
}

// y += Σ weights[r] · row r, of rows that the cache does not hold; then `next` will be read
template <class F>
void gather_add(const Rows& rows, const typename F::Compute* weights, const Rows& next, typename F::Compute* y) {
  for (int64_t k = 0; k < rows.count; k += group_size) {
    const int64_t count = rows.count - k < group_size ? rows.count - k : group_size;
    prefetch_group<F>(rows, k + count, next);
    add_rows<F>({rows.table, rows.ids + k, count, rows.width}, weights + k, rows.width, y);
  }
}

inline bool in_range(const int64_t* ids, int64_t count, int64_t size) {
  bool good = true;
  for (int64_t i = 0; i < count; i++) good &= uint64_t(ids[i]) < uint64_t(size);
  return good;
}

template <class T>
void clear(T* values, int64_t count) {
  for (int64_t i = 0; i < count; i++) values[i] = 0;
}

}  // namespace
}  // namespace peerspec
