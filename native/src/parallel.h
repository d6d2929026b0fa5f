// Runs the parts of a job on several threads.
#pragma once

#include <algorithm>
#include <atomic>

#include "jobs.h"

namespace peerspec {

// Calls task(argument, i) for i in 0 .. count-1, on the threads of the caller or on those of the core.
//
// The threads of the core sleep between calls, so that they take no processor from the thread pools of frameworks.
// They keep their scratch memory.
void in_tasks(const peerspec_run& run, int64_t count, peerspec_task task, void* argument);

// Calls kernel(job, begin, end) for 0 .. count-1 in parts of `grain`, and returns the worst status of all parts.
template <class Job>
peerspec_status in_parts(const peerspec_run& run, int64_t count, int64_t grain, Kernel<Job> kernel, const Job& job) {
  struct Shared {
    int64_t count, grain;
    Kernel<Job> kernel;
    const Job& job;
    std::atomic<int> worst;
  } shared{count, grain, kernel, job, {PEERSPEC_OK}};
  const auto task = [](void* argument, int64_t i) {
    Shared& all = *static_cast<Shared*>(argument);
    const int64_t begin = i * all.grain;
    const int status = all.kernel(all.job, begin, std::min(begin + all.grain, all.count));
    int seen = all.worst;
    while (status > seen && !all.worst.compare_exchange_weak(seen, status)) {
    }
  };
  in_tasks(run, (count + grain - 1) / grain, task, &shared);
  return peerspec_status(shared.worst.load());
}

// As in_parts, for tokens that read rows of a table. A part is large enough to hide the cost of its start, and small
// enough to balance the threads.
template <class Job>
peerspec_status in_tokens(const peerspec_run& run, int64_t tokens, Kernel<Job> kernel, const Job& job) {
  constexpr int64_t most = 8, turns = 8;
  const int64_t grain = tokens / (turns * std::max(run.threads, 1));
  return in_parts(run, tokens, std::clamp<int64_t>(grain, 1, most), kernel, job);
}

}  // namespace peerspec
