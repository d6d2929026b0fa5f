// Steps of optimisers in place, and the norm of a gradient of touched rows, as functions of XLA.
#include <atomic>

#include "handler.h"
#include "touched.h"

namespace peerspec {
namespace {

// A gradient as factored rows: ids [T, K], weights [T, K], x [T, width]; an id of -1 selects no row.
struct FactoredRows {
  Array weights, x;
  SomeTouched touched;

  FactoredRows(const Call& call, int64_t num_rows)
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
  return scalar.is_int64() ? *static_cast<const int64_t*>(scalar.data()) : *static_cast<const int32_t*>(scalar.data());
}

// ids, weights, x, intact, rate, step, table[, state ...] -> the table and its state, changed in place
int32_t update_rows(const Call& call, const peerspec_run& run) {
  const Array table = call.argument(6);
  if (count(call.argument(3)) != 1)
    throw BadValues{
        "a gradient of rows must be as value_and_grad returned it, but it was added to another one or scaled, or the "
        "loss uses one layer more than once; use the functions of peerspec.backends.jax.optim, and a separate layer "
        "for each use"};
  const FactoredRows gradient(call, table.axis(0));
  require(gradient.x.axis(1) == table.axis(1));
  if (gradient.touched.status) return gradient.touched.status;
  void* changed[3] = {};
  for (int64_t i = 0; i < std::min<int64_t>(call.num_results(), 3); i++) {
    changed[i] = call.result(i).data();
    if (changed[i] != call.argument(6 + i).data()) throw BadCall{"an array to be changed in place was copied"};
  }
  return peerspec_scatter_update(&run, int32_t(call.integer("optimiser")), table.format(), table.axis(0), table.axis(1),
                                 gradient.weights.axis(1), gradient.touched.found, gradient.touched.order.get(),
                                 gradient.touched.rows.get(), gradient.touched.starts.get(), gradient.weights.data(),
                                 gradient.x.data(), changed[0], changed[1], changed[2],
                                 call.real("rate") * number(call.argument(4)), call.real("epsilon"), call.real("beta1"),
                                 call.real("beta2"), count(call.argument(5)));
}

constexpr int64_t rows_per_task = 64;

// Sums the squares of touched rows. Each task sums its rows in memory of its own.
template <class T>
struct SquaresJob {
  const FactoredRows& gradient;
  peerspec_run run;
  std::unique_ptr<double[]> squares;
  std::atomic<int32_t> status{PEERSPEC_OK};

  static void task(void* argument, int64_t i) {
    auto& job = *static_cast<SquaresJob*>(argument);
    if (const int32_t failed = job.add(i)) job.status = failed;
  }
  int32_t add(int64_t i) {
    const int64_t width = gradient.x.axis(1), from = i * rows_per_task;
    const int64_t rows = std::min(rows_per_task, gradient.touched.found - from);
    const std::unique_ptr<T[]> values(new (std::nothrow) T[rows * width]);
    if (!values) return PEERSPEC_NO_MEMORY;
    const int32_t status = peerspec_scatter_sum(&run, gradient.x.format(), width, gradient.weights.axis(1), rows,
                                                gradient.touched.order.get(), gradient.touched.starts.get() + from,
                                                gradient.weights.data(), gradient.x.data(), values.get());
    for (int64_t c = 0; c < rows * width; c++) squares[i] += double(values[c]) * double(values[c]);
    return status;
  }
};

template <class T>
int32_t sum_squares(const FactoredRows& gradient, const peerspec_run& run, T* out) {
  const int64_t tasks = (gradient.touched.found + rows_per_task - 1) / rows_per_task;
  SquaresJob<T> job{gradient, {1, run.isa, nullptr, nullptr}, std::unique_ptr<double[]>(new double[tasks]())};
  run.for_each(run.pool, tasks, SquaresJob<T>::task, &job);
  double sum = 0;
  for (int64_t i = 0; i < tasks; i++) sum += job.squares[i];
  *out = T(sum);
  return job.status;
}

// The smallest number of rows of a table that has these ids.
int64_t num_rows_of(const Array& array) {
  const Ids ids(array);
  int64_t last = 0;
  for (int64_t i = 0; i < ids.size(); i++) last = std::max(last, ids.data()[i]);
  return last + 1;
}

// ids, weights, x -> the sum of the squares of all entries of the gradient
int32_t row_squares(const Call& call, const peerspec_run& run) {
  const FactoredRows gradient(call, num_rows_of(call.argument(0)));
  const Array out = call.result(0);
  if (gradient.touched.status) return gradient.touched.status;
  if (gradient.x.format() == PEERSPEC_F64) return sum_squares(gradient, run, static_cast<double*>(out.data()));
  return sum_squares(gradient, run, static_cast<float*>(out.data()));
}

}  // namespace
}  // namespace peerspec

PEERSPEC_XLA(update_rows)
PEERSPEC_XLA(row_squares)
