#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace peerspec {
namespace {

void on_own_threads(int32_t threads, int64_t count, peerspec_task task, void* argument) {
  std::atomic<int64_t> next{0};
  const auto work = [&] {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) task(argument, i);
  };
  std::vector<std::thread> others;
  others.reserve(threads);
  try {
    while (int64_t(others.size()) + 1 < std::min<int64_t>(threads, count)) others.emplace_back(work);
  } catch (const std::system_error&) {
    // no more threads to be had: those there are do all the work, with the same result
  }
  work();
  for (std::thread& other : others) other.join();
}

}  // namespace

void in_tasks(const peerspec_run& run, int64_t count, peerspec_task task, void* argument) {
  if (run.for_each)
    run.for_each(run.pool, count, task, argument);
  else if (run.threads > 1 && count > 1)
    on_own_threads(run.threads, count, task, argument);
  else
    for (int64_t i = 0; i < count; i++) task(argument, i);
}

}  // namespace peerspec
