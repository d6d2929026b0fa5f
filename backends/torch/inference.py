"""The whole layer without query norm as one operator, which has no derivative."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec import native
from peerspec.backends.torch.arrays import COMPUTE_DTYPES, to_array, to_tensor
from peerspec.backends.torch.folding import fold_batches
from peerspec.backends.torch.gates import gates
from peerspec.backends.torch.kernels import register_kernels
from peerspec.reference import PeerConfig

__all__ = ["LayerOutput", "by_stages", "infer"]


class LayerOutput(NamedTuple):
    """y [T, M], and the routing: scores, ids and gates of the selected experts [T, h, k]."""

    y: Float[Tensor, "T M"]
    scores: Float[Tensor, "T h k"]
    ids: Int[Tensor, "T h k"]
    gates: Float[Tensor, "T h k"]


def infer(config: PeerConfig, params: Mapping[str, Tensor], x: Float[Tensor, "T D"]) -> LayerOutput:
    """Evaluate a layer without query norm; not differentiable. Results have the compute dtype."""
    router = (params["query.weight"], params.get("query.bias"), params["keys"])
    experts = (params["experts.u"], params["experts.v"], params.get("experts.w"))
    return LayerOutput(*_forward(*router, *experts, x, config.top_k, config.gate, config.activation))


def by_stages(
    weight: Tensor,
    bias: Tensor | None,
    keys: Tensor,
    u: Tensor,
    v: Tensor,
    w: Tensor | None,
    x: Tensor,
    k: int,
    gate: str,
    activation: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The operators of the stages, each with its own kernel for the device."""
    stages = torch.ops.peerspec
    scores, ids = stages.retrieve(stages.query(x, weight, bias, x.dtype == weight.dtype), keys, k)
    found = gates(gate, scores)
    # tokens are widened here, when the memory of queries and half scores is free again
    y, _ = stages.expert_stage(u, v, w, x.to(scores.dtype), ids.flatten(1), found.flatten(1), activation)
    return y, scores, ids, found


def _by_core(
    weight: Tensor,
    bias: Tensor | None,
    keys: Tensor,
    u: Tensor,
    v: Tensor,
    w: Tensor | None,
    x: Tensor,
    k: int,
    gate: str,
    activation: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    experts = native.ExpertTables(to_array(u), to_array(v), None if w is None else to_array(w), activation)
    bias_array = None if bias is None else to_array(bias)
    router = native.RouterTables(to_array(weight), to_array(keys), k, bias_array, gate)
    tokens = to_array(x.to(COMPUTE_DTYPES[x.dtype]))
    y, scores, ids, found = native.forward(router, experts, tokens, threads=torch.get_num_threads())
    return to_tensor(y), to_tensor(scores), to_tensor(ids), to_tensor(found)


_forward = torch.library.custom_op(
    "peerspec::forward",
    by_stages,
    mutates_args=(),
    schema="(Tensor weight, Tensor? bias, Tensor keys, Tensor u, Tensor v, Tensor? w, Tensor x, int k, str gate, "
    "str activation) -> (Tensor y, Tensor scores, Tensor ids, Tensor gates)",
)
register_kernels(_forward, core=_by_core, library=by_stages, tables=range(6))
fold_batches(_forward, tokens=(6,))


@_forward.register_fake
def _(
    weight: Tensor,
    bias: Tensor | None,
    keys: Tensor,
    u: Tensor,
    v: Tensor,
    w: Tensor | None,
    x: Tensor,
    k: int,
    gate: str,
    activation: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    pairs, dtype = (x.shape[0], weight.shape[0], k), COMPUTE_DTYPES[x.dtype]
    y, ids = x.new_empty(x.shape[0], v.shape[1], dtype=dtype), x.new_empty(pairs, dtype=torch.int64)
    return y, x.new_empty(pairs, dtype=dtype), ids, x.new_empty(pairs, dtype=dtype)
