// The layer and its stages as functions of XLA.
#include "handler.h"

namespace peerspec {
namespace {

// The arguments of the expert stage: x [T, D], ids [T, K], gates [T, K]; u, v and optionally w from argument `tables`
// on.
struct ExpertStageArguments {
  Array x, gates;
  Ids ids;
  int64_t tokens, pairs;
  peerspec_experts experts{};

  ExpertStageArguments(const Call& call, int64_t tables)
      : x(call.argument(0)),
        gates(call.argument(2)),
        ids(call.argument(1)),
        tokens(gates.axis(0)),
        pairs(gates.axis(1)) {
    const Array u = call.argument(tables), v = call.argument(tables + 1);
    const bool glu = call.num_arguments() > tables + 2;
    experts.format = u.format(), experts.activation = int32_t(call.integer("activation"));
    experts.num_experts = u.axis(0), experts.d_model = u.axis(1), experts.d_out = v.axis(1);
    experts.u = u.data(), experts.v = v.data(), experts.w = glu ? call.argument(tables + 2).data() : nullptr;
    require(x.axis(0) == tokens && ids.size() == tokens * pairs && x.axis(1) == u.axis(1) && v.axis(0) == u.axis(0));
  }
};

// Calls work(ids) for ids that the core writes, and converts them if the result is int32.
template <class Work>
int32_t with_ids(const Array& ids, const Work& work) {
  if (ids.is_int64()) return work(static_cast<int64_t*>(ids.data()));
  const std::unique_ptr<int64_t[]> found(new int64_t[ids.size()]);
  const int32_t status = work(found.get());
  if (!status) store_ids(found.get(), ids.size(), ids);
  return status;
}

// scores1, scores2 [..., n] -> scores, ids [..., k]
int32_t select(const Call& call, const peerspec_run& run) {
  const Array first = call.argument(0), second = call.argument(1), scores = call.result(0), ids = call.result(1);
  const int64_t n = first.axis(-1), k = scores.axis(-1), rows = scores.size() / k;
  require(first.size() == rows * n && second.size() == rows * n && ids.size() == rows * k);
  return with_ids(ids, [&](int64_t* found) {
    return peerspec_select(&run, first.format(), rows, n, k, first.data(), second.data(), scores.data(), found);
  });
}

// A router for a call that has only some of its tables: the other sizes are 1.
peerspec_router empty_router(const Array& like) {
  peerspec_router router{};
  router.format = like.format();
  router.d_model = router.heads = router.key_heads = router.n = router.k = 1;
  router.d_key = 2;
  return router;
}

void set_query(peerspec_router& router, const Array& weight, const void* bias) {
  router.heads = weight.axis(0), router.d_key = weight.axis(1), router.d_model = weight.axis(2);
  router.weight = weight.data(), router.bias = bias;
}

void set_keys(peerspec_router& router, const Array& keys, const Array& scores) {
  router.heads = scores.axis(1), router.k = scores.axis(2);
  router.key_heads = keys.axis(0), router.n = keys.axis(2), router.d_key = 2 * keys.axis(3);
  router.keys = keys.data();
}

// x [T, D], weight[, bias] -> q [T, h, d]
int32_t query(const Call& call, const peerspec_run& run) {
  const Array x = call.argument(0), weight = call.argument(1), q = call.result(0);
  peerspec_router router = empty_router(weight);
  set_query(router, weight, call.num_arguments() > 2 ? call.argument(2).data() : nullptr);
  require(x.axis(1) == router.d_model && q.size() == x.axis(0) * router.heads * router.d_key);
  return peerspec_query(&run, &router, x.axis(0), x.data(), q.data());
}

// q [T, h, d], keys -> scores, ids [T, h, k]
int32_t retrieve(const Call& call, const peerspec_run& run) {
  const Array q = call.argument(0), keys = call.argument(1), scores = call.result(0), ids = call.result(1);
  peerspec_router router = empty_router(keys);
  set_keys(router, keys, scores);
  require(q.axis(2) == router.d_key && q.axis(1) == router.heads && q.axis(0) == scores.axis(0));
  return with_ids(
      ids, [&](int64_t* found) { return peerspec_retrieve(&run, &router, q.axis(0), q.data(), scores.data(), found); });
}

// scores [..., k] -> gates [..., k]
int32_t gates(const Call& call, const peerspec_run& run) {
  const Array scores = call.argument(0);
  const int64_t k = scores.axis(-1);
  return peerspec_gates(&run, scores.format(), int32_t(call.integer("gate")), scores.size() / k, k, scores.data(),
                        call.result(0).data());
}

// x, ids, gates, u, v[, w] -> y [T, M]
int32_t expert_stage(const Call& call, const peerspec_run& run) {
  const ExpertStageArguments at(call, 3);
  return peerspec_expert_stage(&run, &at.experts, at.tokens, at.pairs, at.x.data(), at.ids.data(), at.gates.data(),
                               call.result(0).data());
}

// x, ids, gates, dy, u, v[, w] -> dx, dgates, and the weights of u, v[, w]
int32_t expert_stage_backward(const Call& call, const peerspec_run& run) {
  const ExpertStageArguments at(call, 4);
  return peerspec_expert_stage_backward(&run, &at.experts, at.tokens, at.pairs, at.x.data(), at.ids.data(),
                                        at.gates.data(), call.argument(3).data(), call.result(0).data(),
                                        call.result(1).data(), call.result(2).data(), call.result(3).data(),
                                        at.experts.w ? call.result(4).data() : nullptr);
}

// x, weight, keys, u, v[, w][, bias] -> y [T, M], scores, ids, gates [T, h, k]
int32_t forward(const Call& call, const peerspec_run& run) {
  const Array x = call.argument(0), weight = call.argument(1), keys = call.argument(2), u = call.argument(3);
  const Array v = call.argument(4), scores = call.result(1), ids = call.result(2);
  const bool glu = call.integer("glu");
  const int64_t bias = glu ? 6 : 5;
  peerspec_router router = empty_router(weight);
  set_query(router, weight, call.num_arguments() > bias ? call.argument(bias).data() : nullptr);
  set_keys(router, keys, scores);
  router.gate = int32_t(call.integer("gate"));
  peerspec_experts experts{};
  experts.format = u.format(), experts.activation = int32_t(call.integer("activation"));
  experts.num_experts = u.axis(0), experts.d_model = u.axis(1), experts.d_out = v.axis(1);
  experts.u = u.data(), experts.v = v.data(), experts.w = glu ? call.argument(5).data() : nullptr;
  require(weight.axis(0) == router.heads && weight.axis(1) == router.d_key && x.axis(1) == experts.d_model);
  return with_ids(ids, [&](int64_t* found) {
    return peerspec_forward(&run, &router, &experts, x.axis(0), x.data(), call.result(0).data(), scores.data(), found,
                            call.result(3).data());
  });
}

}  // namespace
}  // namespace peerspec

PEERSPEC_XLA(select)
PEERSPEC_XLA(query)
PEERSPEC_XLA(retrieve)
PEERSPEC_XLA(gates)
PEERSPEC_XLA(expert_stage)
PEERSPEC_XLA(expert_stage_backward)
PEERSPEC_XLA(forward)
