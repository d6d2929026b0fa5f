// ExpertStage(x, indices, gates, u, v)<activation> → y: the selected experts and their weighted sum (SPEC.md, EXP-1,
// EXP-2, OUT-1). GLU has w after v; int8 has the scales of each table after it.
#pragma once

#include "config.h"
#include "kernel.h"

namespace peerspec {

inline int32_t activation_of(const Kernel& kernel, const ort::Api& api, const ort::KernelInfo* info) {
  const std::string wanted = string_attribute(api, info, "activation");
  const int32_t kind = index_of(wanted, activations);
  if (kind >= 0) return kind;
  refuse(api, kernel.name + ": activation must be one of relu, gelu, gelu_tanh, silu, identity, got '" + wanted +
                  "' (CFG-5)");
}

template <bool glu>
class ExpertStage {
 public:
  ExpertStage(const Kernel& kernel, const ort::Api& api, const ort::KernelInfo* info)
      : format(format_of(kernel.inputs[3])), activation(activation_of(kernel, api, info)) {}

  void operator()(const Call& call) const {
    const Tensor x = call.input(0), indices = call.input(1), gates = call.input(2);
    Tensor tables[3], scales[3];  // u, v, w
    const int step = format == PEERSPEC_I8 ? 2 : 1;  // a table with its scales, or alone
    for (int i = 0; i < (glu ? 3 : 2); i++) {
      tables[i] = call.input(3 + step * i);
      if (step == 2) scales[i] = call.input(4 + step * i);
    }
    const auto [u, v, w] = tables;
    check_pairs(call, x, indices, gates);
    check_tables(call, x, tables, scales);

    const int64_t width = x.shape.back(), tokens = product(x.shape) / width;
    Shape result = x.shape;
    result.back() = v.shape[1];
    const auto scale = [&](int i) { return static_cast<const float*>(scales[i].data); };
    const peerspec_experts experts{format, activation, u.shape[0], width,    v.shape[1], u.data,
                                   v.data, w.data,     scale(0),   scale(1), scale(2)};
    void* y = call.output(0, result);
    if (!tokens) return;
    const peerspec_run run = call.run();
    const auto* ids = static_cast<const int64_t*>(indices.data);
    call.require_done(
        peerspec_expert_stage(&run, &experts, tokens, product(indices.shape) / tokens, x.data, ids, gates.data, y));
  }

 private:
  static void check_pairs(const Call& call, const Tensor& x, const Tensor& indices, const Tensor& gates) {
    const Shape &tokens = x.shape, &picked = indices.shape;
    const bool good = !tokens.empty() && tokens.back() > 0 && picked == gates.shape &&
                      picked.size() == tokens.size() + 1 &&
                      std::equal(tokens.begin(), tokens.end() - 1, picked.begin()) &&
                      picked.end()[-2] > 0 && picked.end()[-1] > 0;
    call.require(good, "x must be [..., D], indices and gates [..., h, k], got " + text(tokens) + ", " + text(picked) +
                           " and " + text(gates.shape));
  }

  static void check_tables(const Call& call, const Tensor& x, const Tensor (&tables)[3], const Tensor (&scales)[3]) {
    const char* const names[] = {"u", "v", "w"};
    const Shape& u = tables[0].shape;
    for (int i = 0; i < (glu ? 3 : 2); i++) {
      const Shape& shape = tables[i].shape;
      const bool good = shape.size() == 2 && shape[0] == u[0] && shape[0] > 0 && shape[1] > 0;
      call.require(good && (i == 1 || shape[1] == x.shape.back()),
                   "u and w must be [N, D] and v [N, M] where x is [..., D], got " + std::string(names[i]) + " " +
                       text(shape) + ", u " + text(u) + " and x " + text(x.shape));
      call.require(!scales[i].data || scales[i].shape == Shape{u[0]},
                   std::string(names[i]) + "_scale must be [N] = " + text({u[0]}) + ", got " + text(scales[i].shape));
    }
  }

  int32_t format, activation;
};

}  // namespace peerspec
