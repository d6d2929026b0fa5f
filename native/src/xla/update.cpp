// Gradients of tables as rows: their norm, and steps of optimisers in place, as functions of XLA.
#include <atomic>

#include "handler.h"
#include "touched.h"

namespace peerspec {
namespace {

// The sums of a gradient: ids [T, K], weights [T, K], x [T, width]; an id of -1 picks no row.
struct Sums {
  Array weights, x;
  SomeTouched touched;

  Sums(const Call& call, int64_t num_rows)
      : weights(call.argument(1)), x(call.argument(2)), touched(call.argument(0), num_rows) {
    require(call.argument(0).size() == weights.size() && weights.axis(0) == x.axis(0));
    require(weights.format() == x.format());
  }
};

double number(const Array& scalar) {
  require(scalar.size() == 1);
  return scalar.format() == PEERSPEC_F64 ? *static_cast<const double*>(scalar.data())
                                         : *static_cast<const float*>(scalar.data());
}

int64_t count(const Array& scalar) {
  require(scalar.size() == 1);
  return scalar.wide() ? *static_cast<const int64_t*>(scalar.data()) : *static_cast<const int32_t*>(scalar.data());
}

// ids, weights, x, intact, rate, step, table[, state ...] -> the table and its state, changed where they lie
int32_t update_rows(const Call& call, const peerspec_run& run) {
  const Array table = call.argument(6);
  if (count(call.argument(3)) != 1)
    throw BadNumbers{
        "a gradient of rows is not what value_and_grad gave: it was added to another or scaled, or the loss uses one "
        "layer more than once; use the functions of peerspec.backends.jax.optim, and one layer for each use"};
  const Sums sums(call, table.axis(0));
  require(sums.x.axis(1) == table.axis(1));
  if (sums.touched.status) return sums.touched.status;
  void* changed[3] = {};
  for (int64_t i = 0; i < std::min<int64_t>(call.num_results(), 3); i++) {
    changed[i] = call.result(i).data();
    if (changed[i] != call.argument(6 + i).data()) throw BadCall{"an array to be changed in place was copied"};
  }
  return peerspec_scatter_update(&run, int32_t(call.integer("optimiser")), table.format(), table.axis(0), table.axis(1),
                                sums.weights.axis(1), sums.touched.found, sums.touched.order.get(),
                                sums.touched.rows.get(), sums.touched.starts.get(), sums.weights.data(), sums.x.data(),
                                changed[0], changed[1], changed[2], call.real("rate") * number(call.argument(4)),
                                call.real("epsilon"), call.real("beta1"), call.real("beta2"), count(call.argument(5)));
}

constexpr int64_t rows_a_task = 64;

// The squares of some touched rows, which are summed in memory of one task's own.
template <class T>
struct SquaresJob {
  const Sums& sums;
  peerspec_run run;
  std::unique_ptr<double[]> squares;
  std::atomic<int32_t> status{PEERSPEC_OK};

  static void task(void* argument, int64_t i) {
    auto& job = *static_cast<SquaresJob*>(argument);
    if (const int32_t failed = job.add(i)) job.status = failed;
  }
  int32_t add(int64_t i) {
    const int64_t width = sums.x.axis(1), from = i * rows_a_task;
    const int64_t rows = std::min(rows_a_task, sums.touched.found - from);
    const std::unique_ptr<T[]> values(new (std::nothrow) T[rows * width]);
    if (!values) return PEERSPEC_NO_MEMORY;
    const int32_t status = peerspec_scatter_sum(&run, sums.x.format(), width, sums.weights.axis(1), rows,
                                                sums.touched.order.get(), sums.touched.starts.get() + from,
                                                sums.weights.data(), sums.x.data(), values.get());
    for (int64_t c = 0; c < rows * width; c++) squares[i] += double(values[c]) * double(values[c]);
    return status;
  }
};

template <class T>
int32_t sum_squares(const Sums& sums, const peerspec_run& run, T* out) {
  const int64_t tasks = (sums.touched.found + rows_a_task - 1) / rows_a_task;
  SquaresJob<T> job{sums, {1, run.isa, nullptr, nullptr}, std::unique_ptr<double[]>(new double[tasks]())};
  run.for_each(run.pool, tasks, SquaresJob<T>::task, &job);
  double sum = 0;
  for (int64_t i = 0; i < tasks; i++) sum += job.squares[i];
  *out = T(sum);
  return job.status;
}

// As many rows as a table must have for these ids.
int64_t num_rows_of(const Array& array) {
  const Ids ids(array);
  int64_t last = 0;
  for (int64_t i = 0; i < ids.size(); i++) last = std::max(last, ids.data()[i]);
  return last + 1;
}

// ids, weights, x -> the sum of the squares of all entries of the gradient
int32_t row_squares(const Call& call, const peerspec_run& run) {
  const Sums sums(call, num_rows_of(call.argument(0)));
  const Array out = call.result(0);
  if (sums.touched.status) return sums.touched.status;
  if (sums.x.format() == PEERSPEC_F64) return sum_squares(sums, run, static_cast<double*>(out.data()));
  return sum_squares(sums, run, static_cast<float*>(out.data()));
}

}  // namespace
}  // namespace peerspec

PEERSPEC_XLA(update_rows)
PEERSPEC_XLA(row_squares)
