// The C interface of the expert stage and its gradients.
#include "api.h"
#include "parallel.h"

using namespace peerspec;

int32_t peerspec_expert_stage(const peerspec_run* run, const peerspec_experts* experts, int64_t tokens, int64_t pairs,
                              const void* x, const int64_t* ids, const void* gates, void* y) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !valid(*experts) || tokens < 0 || pairs < 1) return PEERSPEC_BAD_ARGUMENT;
  const ExpertStageJob job{*experts, tokens, pairs, x, ids, gates, y};
  return guarded([&] { return in_tokens(*run, tokens, kernels->expert_stage[experts->format], job); });
}

int32_t peerspec_expert_stage_backward(const peerspec_run* run, const peerspec_experts* experts, int64_t tokens,
                                       int64_t pairs, const void* x, const int64_t* ids, const void* gates,
                                       const void* dy, void* dx, void* dgates, void* u_weights, void* v_weights,
                                       void* w_weights) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !valid(*experts) || !is_format(experts->format) || tokens < 0 || pairs < 1 ||
      !experts->w != !w_weights)
    return PEERSPEC_BAD_ARGUMENT;
  const ExpertStageJob forward{*experts, tokens, pairs, x, ids, gates, nullptr};
  const ExpertStageBackwardJob job{forward, dy, dx, dgates, u_weights, v_weights, w_weights};
  return guarded([&] { return in_tokens(*run, tokens, kernels->expert_stage_backward[experts->format], job); });
}
