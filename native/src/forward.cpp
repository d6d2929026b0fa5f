// The C interface of queries, retrieval, gates and the whole layer.
#include "api.h"
#include "parallel.h"
#include "scratch.h"

namespace peerspec {
namespace {

// A part must be large enough to hide the cost of its start, and small enough to balance the threads.
constexpr int64_t lists_per_part = 256, key_panels_per_part = 8;
// A block of weights is read once for up to this many panels of tokens.
constexpr int64_t max_panels_together = 4;
// The columns of a part of a query are a multiple of the rows of a tile on every instruction set.
constexpr int64_t tile_columns = 12;

bool is_double(int32_t format) { return format == PEERSPEC_F64; }
int64_t compute_bytes(int32_t format) { return is_double(format) ? 8 : 4; }
int64_t lanes(int32_t format) { return 64 / compute_bytes(format); }
int64_t panels(int32_t format, int64_t rows) { return (rows + lanes(format) - 1) / lanes(format); }

bool is_gate(int32_t gate) { return gate == PEERSPEC_SOFTMAX || gate == PEERSPEC_SIGMOID; }

bool valid(const peerspec_router& r) {
  return is_format(r.format) && is_gate(r.gate) && r.d_model > 0 && r.heads > 0 && r.d_key > 1 && r.d_key % 2 == 0 &&
         (r.key_heads == 1 || r.key_heads == r.heads) && r.n > 0 && r.n <= INT32_MAX && r.k > 0 && r.k <= r.n * r.n;
}

// The stages of one call on one instruction set.
class Stages {
 public:
  Stages(const peerspec_run& run, const Kernels& kernels, const peerspec_router& router, int64_t tokens)
      : run(run), kernels(kernels), router(router), tokens(tokens), staircase(router.n, router.k) {}

  peerspec_status query(const void* x, void* q) const {
    const int64_t together = tokens_together(1), groups = (tokens + together - 1) / together;
    const int64_t columns = router.heads * router.d_key, parts = 2 * turns * workers();
    const int64_t tiles = (columns * std::min(groups, parts) / parts + tile_columns - 1) / tile_columns;
    const int64_t columns_together = std::max<int64_t>(tiles, 1) * tile_columns;
    const int64_t blocks = (columns + columns_together - 1) / columns_together;
    const QueryJob job{router, tokens, x, q, together, columns_together};
    return in_parts(run, groups * blocks, 1, kernels.query[router.format], job);
  }

  peerspec_status retrieve(const void* q, void* scores, int64_t* ids) const {
    return with_packed([&](const void* keys) { return retrieve(q, keys, scores, ids); });
  }

  peerspec_status forward(const ExpertStageJob& expert_stage, void* scores, int64_t* ids, void* gates) const {
    return with_packed([&](const void* keys) {
      if (panels(router.format, tokens) < workers()) return stage_by_stage(expert_stage, keys, scores, ids, gates);
      std::atomic<int64_t> next{0};
      const ForwardJob job{{router, tokens, expert_stage.x, nullptr, 0, 0},
                           {router, staircase.rule(), tokens, nullptr, keys, scores, ids},
                           expert_stage,
                           kernels.expert_stage[expert_stage.experts.format],
                           gates,
                           tokens_together(turns),
                           &next};
      return in_parts(run, workers(), 1, kernels.forward[router.format], job);
    });
  }

 private:
  // Turns of each thread, at least: threads differ in speed.
  static constexpr int64_t turns = 2;

  int64_t workers() const { return std::max(run.threads, 1); }

  // Tokens for which a thread computes the queries at once, if each thread has this many turns.
  int64_t tokens_together(int64_t turns) const {
    const int64_t fair = panels(router.format, tokens) / (turns * workers());
    return std::clamp<int64_t>(fair, 1, max_panels_together) * lanes(router.format);
  }

  // Packs the sub-keys, once for all threads, and calls body(packed sub-keys).
  template <class Body>
  peerspec_status with_packed(const Body& body) const {
    const int64_t count = 2 * router.key_heads * panels(router.format, router.n);
    const Scratch<char> keys(count * router.d_key / 2 * 64);
    if (!keys) return PEERSPEC_NO_MEMORY;
    const PackJob job{router, keys.get()};
    const peerspec_status status = in_parts(run, count, key_panels_per_part, kernels.pack[router.format], job);
    return status ? status : body(keys.get());
  }

  peerspec_status retrieve(const void* q, const void* keys, void* scores, int64_t* ids) const {
    const RetrieveJob job{router, staircase.rule(), tokens, q, keys, scores, ids};
    const int64_t parts = panels(router.format, tokens) * router.heads;
    return in_parts(run, parts, 1, kernels.retrieve[is_double(router.format)], job);
  }

  // Stage by stage: with fewer panels than threads, a single stage can be divided into more parts than the layer.
  peerspec_status stage_by_stage(const ExpertStageJob& expert_stage, const void* keys, void* scores, int64_t* ids,
                                 void* gates) const {
    const Scratch<char> q(tokens * router.heads * router.d_key * compute_bytes(router.format));
    if (!q) return PEERSPEC_NO_MEMORY;
    peerspec_status status = query(expert_stage.x, q.get());
    if (!status) status = retrieve(q.get(), keys, scores, ids);
    if (status) return status;
    const GateJob job{router.gate, router.k, scores, gates};
    kernels.gates[is_double(router.format)](job, 0, tokens * router.heads);
    return in_parts(run, tokens, 1, kernels.expert_stage[expert_stage.experts.format], expert_stage);
  }

  const peerspec_run& run;
  const Kernels& kernels;
  const peerspec_router& router;
  const int64_t tokens;
  const Staircase staircase;
};

}  // namespace
}  // namespace peerspec

using namespace peerspec;

int32_t peerspec_query(const peerspec_run* run, const peerspec_router* router, int64_t tokens, const void* x, void* q) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !valid(*router) || tokens < 0) return PEERSPEC_BAD_ARGUMENT;
  return guarded([&] { return Stages(*run, *kernels, *router, tokens).query(x, q); });
}

int32_t peerspec_retrieve(const peerspec_run* run, const peerspec_router* router, int64_t tokens, const void* q,
                          void* scores, int64_t* ids) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !valid(*router) || tokens < 0) return PEERSPEC_BAD_ARGUMENT;
  return guarded([&] { return Stages(*run, *kernels, *router, tokens).retrieve(q, scores, ids); });
}

int32_t peerspec_gates(const peerspec_run* run, int32_t format, int32_t gate, int64_t lists, int64_t k,
                       const void* scores, void* gates) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !is_compute_format(format) || !is_gate(gate) || lists < 0 || k < 1) return PEERSPEC_BAD_ARGUMENT;
  const GateJob job{gate, k, scores, gates};
  return guarded([&] { return in_parts(*run, lists, lists_per_part, kernels->gates[format], job); });
}

int32_t peerspec_forward(const peerspec_run* run, const peerspec_router* router, const peerspec_experts* experts,
                         int64_t tokens, const void* x, void* y, void* scores, int64_t* ids, void* gates) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !valid(*router) || !valid(*experts) || tokens < 0 ||
      is_double(experts->format) != is_double(router->format) || experts->d_model != router->d_model ||
      experts->num_experts != router->n * router->n)
    return PEERSPEC_BAD_ARGUMENT;
  const ExpertStageJob expert_stage{*experts, tokens, router->heads * router->k, x, ids, gates, y};
  return guarded([&] { return Stages(*run, *kernels, *router, tokens).forward(expert_stage, scores, ids, gates); });
}
