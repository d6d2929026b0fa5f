// count_experts: how often each expert was selected, and the sum of its gates.
#include "api.h"
#include "parallel.h"

namespace peerspec {
namespace {

struct CountJob {
  int64_t num_experts, tokens, pairs, parts;
  const int64_t* ids;
  const void* gates;
  const uint8_t* mask;
  double* sums;
};

// A part reads all ids, so it must be large enough to pay for that.
constexpr int64_t pairs_per_part = 8192;

// Pairs whose sums are fetched while those of the block before are added: nearly every one is a miss of the caches.
constexpr int64_t block_size = 64;

// The pairs of a block whose experts belong to one part.
struct Block {
  int64_t pairs[block_size], count = 0;

  void find(const CountJob& job, int64_t begin, int64_t end, int64_t first, uint64_t experts) {
    count = 0;
    for (int64_t p = begin; p < end; p++) {  // without branches, which would be mispredicted half of the time
      pairs[count] = p;
      count += uint64_t(job.ids[p] - first) < experts;
    }
    for (int64_t i = 0; i < count; i++) __builtin_prefetch(job.sums + 2 * job.ids[pairs[i]], 1, 3);
  }

  template <class T>
  void add(const CountJob& job) const {
    for (int64_t i = 0; i < count; i++) {
      double* sums = job.sums + 2 * job.ids[pairs[i]];
      sums[0] += 1;
      sums[1] += double(static_cast<const T*>(job.gates)[pairs[i]]);
    }
  }
};

// One thread owns the experts of a part, and adds their gates in the order of the pairs.
template <class T>
peerspec_status count_part(const CountJob& job, int64_t part, int64_t) {
  const int64_t first = job.num_experts * part / job.parts;
  const uint64_t experts = uint64_t(job.num_experts * (part + 1) / job.parts - first);
  Block blocks[2], *next = &blocks[0], *ready = &blocks[1];
  for (int64_t token = 0; token < job.tokens; token++) {
    if (job.mask && !job.mask[token]) continue;
    for (int64_t p = token * job.pairs, end = p + job.pairs; p < end; p += block_size) {
      next->find(job, p, std::min(p + block_size, end), first, experts);
      ready->add<T>(job);
      std::swap(next, ready);
    }
  }
  ready->add<T>(job);
  return PEERSPEC_OK;
}

bool in_range(const CountJob& job) {
  bool good = true;
  for (int64_t p = 0; p < job.tokens * job.pairs; p++) good &= uint64_t(job.ids[p]) < uint64_t(job.num_experts);
  return good;
}

}  // namespace
}  // namespace peerspec

using namespace peerspec;

int32_t peerspec_count_experts(const peerspec_run* run, int32_t format, int64_t num_experts, int64_t tokens,
                               int64_t pairs, const int64_t* ids, const void* gates, const uint8_t* mask,
                               double* sums) {
  if (!is_compute_format(format) || num_experts < 1 || tokens < 0 || pairs < 1) return PEERSPEC_BAD_ARGUMENT;
  const int64_t parts = std::clamp<int64_t>(tokens * pairs / pairs_per_part, 1, std::max(run->threads, 1));
  const CountJob job{num_experts, tokens, pairs, parts, ids, gates, mask, sums};
  if (!in_range(job)) return PEERSPEC_BAD_ID;
  const Kernel<CountJob> kernel = format == PEERSPEC_F64 ? count_part<double> : count_part<float>;
  return guarded([&] { return in_parts(*run, parts, 1, kernel, job); });
}
