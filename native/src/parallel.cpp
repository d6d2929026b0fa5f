#include "parallel.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace peerspec {
namespace {

// The tasks of one call; each thread takes the next until there are none.
struct Tasks {
  int64_t count;
  peerspec_task task;
  void* argument;
  std::atomic<int64_t> next{0};

  void work() {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) task(argument, i);
  }
};

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Whether something comes true within a few microseconds, which is less than going to sleep and being woken takes.
template <class Condition>
bool soon(const Condition& condition) {
  for (int i = 0; i < 400; i++) {
    if (condition()) return true;
    pause();
  }
  return false;
}

// Threads that sleep between calls, of which one at a time has them.
class Workers {
 public:
  // Runs the tasks on so many threads, the calling one among them; a worker that wakes when all is taken is not waited for.
  void run(Tasks& tasks, int32_t threads) {
    const int32_t helpers = prepared(threads - 1);
    offer(&tasks, helpers);
    woken.notify_all();
    tasks.work();
    offer(nullptr, 0);
    const auto done = [&] { return busy.load(std::memory_order_acquire) == 0; };
    if (soon(done)) return;
    std::unique_lock<std::mutex> lock(mutex);
    finished.wait(lock, done);
  }

  std::mutex turn;  // held by the call that has the workers

 private:
  // How many of so many helpers there are; what the system does not give is done without.
  int32_t prepared(int32_t helpers) {
    try {
      for (; number < helpers; number++) std::thread([this, mine = number] { live(mine); }).detach();
    } catch (const std::system_error&) {
    }
    return std::min(helpers, number);
  }

  void offer(Tasks* tasks, int32_t helpers) {
    const std::lock_guard<std::mutex> lock(mutex);
    current = tasks;
    wanted = helpers;
    if (tasks) call.fetch_add(1, std::memory_order_release);
  }

  [[noreturn]] void live(int32_t mine) {
    for (uint64_t seen = 0;;) {
      const auto called = [&] { return call.load(std::memory_order_acquire) != seen; };
      soon(called);
      Tasks* tasks;
      {
        std::unique_lock<std::mutex> lock(mutex);
        woken.wait(lock, called);
        seen = call.load(std::memory_order_relaxed);
        if (mine >= wanted) continue;
        tasks = current;
        busy.fetch_add(1, std::memory_order_relaxed);
      }
      tasks->work();
      if (busy.fetch_sub(1, std::memory_order_acq_rel) > 1) continue;
      const std::lock_guard<std::mutex> lock(mutex);
      finished.notify_one();
    }
  }

  std::mutex mutex;
  std::condition_variable woken, finished;
  std::atomic<uint64_t> call{0};
  std::atomic<int32_t> busy{0};
  Tasks* current = nullptr;
  int32_t wanted = 0, number = 0;
};

// Never destroyed: workers may outlive all that is static. A process that was forked has none of its parent's threads,
// so it begins with new ones.
std::atomic<Workers*> all_workers{nullptr};

Workers& workers() {
  if (Workers* present = all_workers.load(std::memory_order_acquire)) return *present;
  static const int forgets [[maybe_unused]] = pthread_atfork(nullptr, nullptr, [] { all_workers = nullptr; });
  auto made = std::make_unique<Workers>();
  Workers* expected = nullptr;
  if (!all_workers.compare_exchange_strong(expected, made.get())) return *expected;
  return *made.release();
}

// For a call that comes while another has the workers.
void on_threads_of_its_own(Tasks& tasks, int32_t threads) {
  std::vector<std::thread> others;
  others.reserve(threads);
  try {
    while (int32_t(others.size()) + 1 < threads) others.emplace_back([&] { tasks.work(); });
  } catch (const std::system_error&) {
    // no more threads to be had: those there are do all the work, with the same result
  }
  tasks.work();
  for (std::thread& other : others) other.join();
}

void on_threads(Tasks& tasks, int32_t threads) {
  Workers& shared = workers();
  if (const std::unique_lock<std::mutex> turn(shared.turn, std::try_to_lock); turn)
    shared.run(tasks, threads);
  else
    on_threads_of_its_own(tasks, threads);
}

}  // namespace

void in_tasks(const peerspec_run& run, int64_t count, peerspec_task task, void* argument) {
  Tasks tasks{count, task, argument};
  if (run.for_each)
    run.for_each(run.pool, count, task, argument);
  else if (run.threads > 1 && count > 1)
    on_threads(tasks, int32_t(std::min<int64_t>(run.threads, count)));
  else
    tasks.work();
}

}  // namespace peerspec
