// Selected rows of a table: their inner products with one vector, and their weighted sum.
//
// Several rows are read at once, which hides the latency of memory. Each inner product is summed lane by lane, and
// rows are added in the order of their ids, so that the bits do not depend on how many rows are read at once.
#pragma once

namespace peerspec {
namespace {

constexpr int group_size = 8;  // experts whose rows are fetched together
// Rows whose accumulators fit into the registers; an accumulator has 64 bytes.
constexpr int rows_at_once = PEERSPEC_WIDTH / 8;

// The rows of a table, and for I8 the scale of each row.
struct Table {
  Table(const void* rows, const float* scales = nullptr) : rows(rows), scales(scales) {}
  const void* rows;
  const float* scales;
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
  __builtin_prefetch(reinterpret_cast<const void*>(at), 0, 2);
}

// Prefetches one cache line of each KiB of the rows. This translates the address of the page and starts the hardware
// prefetcher along the row. Prefetching every line is slower, because the queue of pending lines is short.
template <class F>
PEERSPEC_INLINE void prefetch(const Table& table, const int64_t* ids, int64_t count, int64_t width) {
  const int64_t bytes = width * int64_t(sizeof(typename F::Store));
  for (int64_t r = 0; r < count; r++) {
    const uintptr_t start = reinterpret_cast<uintptr_t>(table.rows) + uintptr_t(ids[r]) * uintptr_t(bytes);
    for (int64_t byte = 0; byte < bytes; byte += 1024)
      __builtin_prefetch(reinterpret_cast<const void*>(start + byte), 0, 2);
    if constexpr (sizeof(typename F::Store) == 1) prefetch_number(table.scales, ids[r], sizeof *table.scales);
  }
}

template <class F, int R>
PEERSPEC_INLINE void gather_dot_of(const Table& table, const int64_t* ids, const typename F::Compute* x, int64_t width,
                                   typename F::Compute* out) {
  using T = typename F::Compute;
  constexpr int64_t step = Lanes<T>::count;
  Row<F> rows[R];
  Lanes<T> sums[R] = {};
  for (int r = 0; r < R; r++) rows[r] = Row<F>(table, ids[r], width);
  int64_t c = 0;
  for (; c + step <= width; c += step) {
    const Lanes<T> part = load<Plain<T>>(x + c);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) multiply_add(sums[r], load(rows[r], c), part);
  }
  if (c < width) {
    const Lanes<T> part = load_some<Plain<T>>(x + c, width - c);
    for (int r = 0; r < R; r++) multiply_add(sums[r], load_some(rows[r], c, width - c), part);
  }
  for (int r = 0; r < R; r++) out[r] = reduce(sums[r]);
}

template <class F, int R>
PEERSPEC_INLINE void add_rows_of(const Table& table, const int64_t* ids, const typename F::Compute* weights,
                                 int64_t width, typename F::Compute* y, int64_t stride) {
  using T = typename F::Compute;
  constexpr int64_t step = Lanes<T>::count;
  Row<F> rows[R];
  for (int r = 0; r < R; r++) rows[r] = Row<F>(table, ids[r], stride);
  int64_t c = 0;
  for (; c + step <= width; c += step) {
    Lanes<T> sum = load<Plain<T>>(y + c);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) multiply_add(sum, load(rows[r], c), weights[r]);
    store(sum, y + c);
  }
  if (c < width) {
    Lanes<T> sum = load_some<Plain<T>>(y + c, width - c);
    for (int r = 0; r < R; r++) multiply_add(sum, load_some(rows[r], c, width - c), weights[r]);
    T values[step];
    store(sum, values);
    __builtin_memcpy(y + c, values, (width - c) * sizeof(T));
  }
}

// out[r] = row ids[r] · x
template <class F>
void gather_dot(const Table& table, const int64_t* ids, int64_t count, const typename F::Compute* x, int64_t width,
                typename F::Compute* out) {
  int64_t r = 0;
  for (; r + rows_at_once <= count; r += rows_at_once)
    gather_dot_of<F, rows_at_once>(table, ids + r, x, width, out + r);
  for (; r < count; r++) gather_dot_of<F, 1>(table, ids + r, x, width, out + r);
}

// y += Σ weights[r] · the first `width` numbers of row ids[r]; a row has `stride` numbers
template <class F>
void add_rows(const Table& table, const int64_t* ids, int64_t count, const typename F::Compute* weights, int64_t width,
              typename F::Compute* y, int64_t stride) {
  int64_t r = 0;
  for (; r + group_size <= count; r += group_size)
    add_rows_of<F, group_size>(table, ids + r, weights + r, width, y, stride);
  for (; r < count; r++) add_rows_of<F, 1>(table, ids + r, weights + r, width, y, stride);
}

template <class F>
void add_rows(const Table& table, const int64_t* ids, int64_t count, const typename F::Compute* weights, int64_t width,
              typename F::Compute* y) {
  add_rows<F>(table, ids, count, weights, width, y, width);
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
