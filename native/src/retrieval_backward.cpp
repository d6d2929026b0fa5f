// The C interface of the gradients of retrieval.
#include "api.h"
#include "parallel.h"
#include "scratch.h"

namespace peerspec {
namespace {

constexpr int64_t lists_per_part = 64;

// Checks the fields of a router that the gradients of retrieval read.
bool has_keys(const peerspec_router& r) {
  return is_format(r.format) && r.heads > 0 && r.d_key > 1 && r.d_key % 2 == 0 &&
         (r.key_heads == 1 || r.key_heads == r.heads) && r.n > 0 && r.n <= INT32_MAX && r.k > 0;
}

}  // namespace
}  // namespace peerspec

using namespace peerspec;

int32_t peerspec_retrieve_backward(const peerspec_run* run, const peerspec_router* router, int64_t tokens,
                                   const void* q, const int64_t* ids, const void* dscores, void* dq, void* dkeys) {
  const Kernels* kernels = kernels_of(*run);
  if (!kernels || !has_keys(*router) || tokens < 0) return PEERSPEC_BAD_ARGUMENT;
  const int64_t lists = tokens * router->heads;
  const Scratch<int32_t> sub_keys(2 * lists * router->k);
  if (!sub_keys) return PEERSPEC_NO_MEMORY;
  const RetrieveBackwardJob job{*router, tokens, q, ids, dscores, dq, dkeys, sub_keys.get()};
  return guarded([&] {
    const auto status = in_parts(*run, lists, lists_per_part, kernels->query_gradients[router->format], job);
    if (status) return status;
    const bool wide = router->format == PEERSPEC_F64;
    const int64_t columns = wide ? 8 : 16, blocks = (router->d_key / 2 + columns - 1) / columns;
    return in_parts(*run, 2 * router->key_heads * blocks, 1, kernels->key_gradients[wide], job);
  });
}
