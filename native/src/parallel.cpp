// The threads of the core.
#include "parallel.h"

#include <dlfcn.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace peerspec {
namespace {

// The tasks of one call. Each thread takes the next task until none are left.
struct Tasks {
  int64_t count;
  peerspec_task task;
  void* argument;
  std::atomic<int64_t> next{0};
  std::fenv_t arithmetic;  // the caller's modes of rounding and of flushing subnormals to zero

  void work() {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) task(argument, i);
  }

  // On another thread: all experts of a call are added in one way (SCO-4).
  void help() {
    std::fesetenv(&arithmetic);
    work();
  }
};

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Waits a few microseconds for a condition and returns whether it became true. A thread that sleeps and is woken needs
// more time than this.
template <class Condition>
bool spin_until(const Condition& condition) {
  for (int i = 0; i < 400; i++) {
    if (condition()) return true;
    pause();
  }
  return false;
}

// Threads that sleep between calls. They work for one call at a time.
class Workers {
 public:
  // Runs the tasks on this many threads, the calling thread included. It does not wait for a worker that wakes after
  // the last task was taken.
  void run(Tasks& tasks, int32_t threads) {
    const int32_t helpers = started(threads - 1);
    offer(&tasks, helpers);
    woken.notify_all();
    tasks.work();
    offer(nullptr, 0);
    const auto done = [&] { return busy.load(std::memory_order_acquire) == 0; };
    if (spin_until(done)) return;
    std::unique_lock<std::mutex> lock(mutex);
    finished.wait(lock, done);
  }

  std::mutex turn;  // held by the call that the threads work for

 private:
  // Starts missing helpers and returns how many of those wanted exist: the system may refuse more threads.
  int32_t started(int32_t helpers) {
    try {
      for (; number < helpers; number++) std::thread([this, mine = number] { work_forever(mine); }).detach();
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

  [[noreturn]] void work_forever(int32_t mine) {
    for (uint64_t seen = 0;;) {
      const auto called = [&] { return call.load(std::memory_order_acquire) != seen; };
      spin_until(called);
      Tasks* tasks;
      {
        std::unique_lock<std::mutex> lock(mutex);
        woken.wait(lock, called);
        seen = call.load(std::memory_order_relaxed);
        if (mine >= wanted) continue;
        tasks = current;
        busy.fetch_add(1, std::memory_order_relaxed);
      }
      tasks->help();
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

// Keeps this library in memory: its threads run until the process ends, also after dlclose.
bool stay_loaded() {
  Dl_info own;
  if (!dladdr(reinterpret_cast<void*>(&stay_loaded), &own)) return false;
  return dlopen(own.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

// Never destroyed, because the threads may outlive static objects. A forked process does not have the threads of its
// parent, so it starts new ones.
std::atomic<Workers*> all_workers{nullptr};

Workers& workers() {
  if (Workers* present = all_workers.load(std::memory_order_acquire)) return *present;
  static const bool pinned [[maybe_unused]] = stay_loaded();
  static const int registered [[maybe_unused]] = pthread_atfork(nullptr, nullptr, [] { all_workers = nullptr; });
  auto made = std::make_unique<Workers>();
  Workers* expected = nullptr;
  if (!all_workers.compare_exchange_strong(expected, made.get())) return *expected;
  return *made.release();
}

// For a call that comes while the workers are busy with another call.
void on_new_threads(Tasks& tasks, int32_t threads) {
  std::vector<std::thread> others;
  others.reserve(threads);
  try {
    while (int32_t(others.size()) + 1 < threads) others.emplace_back([&] { tasks.help(); });
  } catch (const std::system_error&) {
    // the system gives no more threads: those that exist do all the work, with the same result
  }
  tasks.work();
  for (std::thread& other : others) other.join();
}

void on_threads(Tasks& tasks, int32_t threads) {
  std::fegetenv(&tasks.arithmetic);
  Workers& shared = workers();
  if (const std::unique_lock<std::mutex> turn(shared.turn, std::try_to_lock); turn)
    shared.run(tasks, threads);
  else
    on_new_threads(tasks, threads);
}

}  // namespace

void in_tasks(const peerspec_run& run, int64_t count, peerspec_task task, void* argument) {
  Tasks tasks{count, task, argument, {}, {}};
  if (run.for_each)
    run.for_each(run.pool, count, task, argument);
  else if (run.threads > 1 && count > 1)
    on_threads(tasks, int32_t(std::min<int64_t>(run.threads, count)));
  else
    tasks.work();
}

}  // namespace peerspec
