// The thread pool of XLA.
#include "thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

namespace peerspec {
namespace {

// The tasks of one call. They outlive the call, because a helper may start after all tasks are done.
struct Shared {
  int64_t count;
  peerspec_task task;
  void* argument;
  std::atomic<int64_t> next{0}, done{0};
  std::mutex mutex;
  std::condition_variable all_done;

  void work() {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) {
      task(argument, i);
      if (done.fetch_add(1, std::memory_order_acq_rel) + 1 < count) continue;
      const std::lock_guard<std::mutex> lock(mutex);
      all_done.notify_all();
    }
  }
};

int64_t num_threads(xla::CallFrame* frame) {
  int64_t threads = 1;
  xla::NumThreads number{{sizeof(number), nullptr}, frame->context, &threads};
  return failed(frame, frame->api->num_threads(&number)) ? 1 : threads;
}

// The calling thread may be the only thread of the pool. So it takes tasks itself until none are left, and then waits
// only for the tasks that other threads have started.
void for_each(void* pool, int64_t count, peerspec_task task, void* argument) {
  auto* frame = static_cast<xla::CallFrame*>(pool);
  const auto shared = std::make_shared<Shared>();
  shared->count = count, shared->task = task, shared->argument = argument;
  const int64_t threads = num_threads(frame);
  for (int64_t helpers = std::min(threads, count) - 1; helpers > 0; helpers--) {
    auto* held = new std::shared_ptr<Shared>(shared);
    const auto help = [](void* data) {
      const std::unique_ptr<std::shared_ptr<Shared>> mine(static_cast<std::shared_ptr<Shared>*>(data));
      (*mine)->work();
    };
    xla::Schedule schedule{{sizeof(schedule), nullptr}, frame->context, help, held};
    if (!failed(frame, frame->api->schedule(&schedule))) continue;
    delete held;
    break;
  }
  shared->work();
  std::unique_lock<std::mutex> lock(shared->mutex);
  shared->all_done.wait(lock, [&] { return shared->done.load(std::memory_order_acquire) == count; });
}

}  // namespace

peerspec_run on_xla_threads(xla::CallFrame* frame) {
  return {int32_t(num_threads(frame)), PEERSPEC_BEST, for_each, frame};
}

}  // namespace peerspec
