// gather_sum and scatter_add as functions of XLA.
#include "handler.h"
#include "touched.h"

namespace peerspec {
namespace {

// table, ids, weights -> out [T, width]
int32_t gather_sum(const Call& call, const peerspec_run& run) {
  const Array table = call.argument(0), weights = call.argument(2);
  const Ids ids(call.argument(1));
  require(ids.size() == weights.size());
  return peerspec_gather_sum(&run, table.format(), table.axis(0), table.axis(1), weights.axis(0), weights.axis(1),
                             table.data(), ids.data(), weights.data(), call.result(0).data());
}

// ids [T, K], weights [T, K], x [T, width], table -> the table, changed in place: adds weight * x to the row of each
// id. This is a step of SGD at the rate -1, which rounds once to the format of the table.
int32_t scatter_add(const Call& call, const peerspec_run& run) {
  const Array weights = call.argument(1), x = call.argument(2), table = call.argument(3), out = call.result(0);
  const int64_t num_rows = table.axis(0), width = table.axis(1);
  require(call.argument(0).size() == weights.size() && weights.axis(0) == x.axis(0) && x.axis(1) == width);
  if (table.data() != out.data()) throw BadCall{"an array to be changed in place was copied"};
  const Touched touched(call.argument(0), num_rows);
  if (touched.status) return touched.status;
  return peerspec_scatter_update(&run, PEERSPEC_SGD, table.format(), num_rows, width, weights.axis(1), touched.found,
                                 touched.order.get(), touched.rows.get(), touched.starts.get(), weights.data(),
                                 x.data(), out.data(), nullptr, nullptr, -1, 0, 0, 0, 1);
}

}  // namespace
}  // namespace peerspec

PEERSPEC_XLA(gather_sum)
PEERSPEC_XLA(scatter_add)
