// The pairs of a call, sorted by row, so that one thread sums each row in one order.
#pragma once

#include <algorithm>

#include "call.h"

namespace peerspec {

constexpr int64_t no_row = -1;  // the id of a pair that selects no row

struct Touched {
  int64_t found = 0;
  int32_t status;
  std::unique_ptr<int64_t[]> order, rows, starts;

  Touched(const Array& array, int64_t num_rows) {
    const Ids ids(array);
    sort(ids.data(), ids.size(), num_rows);
  }

 protected:
  Touched() = default;
  void sort(const int64_t* ids, int64_t count, int64_t num_rows) {
    const int64_t room = std::min(count, num_rows);
    order.reset(new int64_t[count]), rows.reset(new int64_t[room]), starts.reset(new int64_t[room + 1]);
    status = peerspec_sort_ids(count, num_rows, ids, order.get(), rows.get(), starts.get(), &found);
  }
};

// The same if some pairs select no row: these are sorted to the end and dropped.
struct SomeTouched : Touched {
  SomeTouched(const Array& array, int64_t num_rows) {
    const Ids given(array);
    const std::unique_ptr<int64_t[]> ids(new int64_t[given.size()]);
    for (int64_t i = 0; i < given.size(); i++) ids[i] = given.data()[i] == no_row ? num_rows : given.data()[i];
    sort(ids.get(), given.size(), num_rows + 1);
    if (found && rows[found - 1] == num_rows) found--;
  }
};

}  // namespace peerspec
