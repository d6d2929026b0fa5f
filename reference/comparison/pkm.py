"""The product-key memory: the retrieval and the gates of PEER over rows of values (SPEC.md, PKM-3)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from peerspec.reference.comparison.config import PKMConfig
from peerspec.reference.comparison.layer import ComparisonLayer
from peerspec.reference.forward import gather_scores
from peerspec.reference.gates import gates
from peerspec.reference.gradients import _gates_backward, _query_backward, _scores_backward
from peerspec.reference.half_scores import half_scores
from peerspec.reference.layer import Layer
from peerspec.reference.output import Output
from peerspec.reference.query import query
from peerspec.reference.query_norm import query_norm, query_norm_backward
from peerspec.reference.rows import gather_dot, gather_sum, scatter_sum
from peerspec.reference.selection import select_two_stage

__all__ = ["pkm", "pkm_backward", "retrieval_layer"]


def pkm(
    config: PKMConfig,
    layer: ComparisonLayer,
    x: Float[np.ndarray, "T D"],
    mask: Bool[np.ndarray, " T"],
    *,
    training: bool = False,
    indices: Int[np.ndarray, "T h k"] | None = None,
) -> Output:
    """y, the routing, and the updated running statistics if training changes them."""
    peer = retrieval_layer(config, layer)
    q, state = query_norm(peer, query(peer, x), mask=mask, training=training)
    s1, s2 = half_scores(peer, q)
    scores, ids = select_two_stage(s1, s2, config.top_k) if indices is None else gather_scores(s1, s2, indices)
    gate = gates(config.gate, scores)
    return Output(gather_sum(layer.params["values"], ids, gate), scores, ids, gate, state)


def pkm_backward(
    config: PKMConfig,
    layer: ComparisonLayer,
    x: Float[np.ndarray, "T D"],
    mask: Bool[np.ndarray, " T"],
    out: Output,
    dy: Float[np.ndarray, "T M"],
    *,
    training: bool,
) -> dict[str, np.ndarray]:
    """The gradients of Σ dy·y by parameter name, and of x by ``"x"``: those of PEER with ω = 1 (PKM-4)."""
    assert out.indices is not None  # ``pkm`` always returns its routing
    assert out.gates is not None
    peer, values = retrieval_layer(config, layer), layer.params["values"]
    grads = {"values": scatter_sum(config.num_experts, out.indices, out.gates, dy)}
    dscores = _gates_backward(config.gate, out.gates, gather_dot(values, out.indices, dy))
    raw = query(peer, x)
    q, _ = query_norm(peer, raw, mask=mask, training=training)
    grads["keys"], dq = _scores_backward(peer, q, out.indices, dscores)
    dq = query_norm_backward(peer, raw, dq, mask, grads, training=training)
    return grads | {"x": _query_backward(peer, x, dq, grads)}


def retrieval_layer(config: PKMConfig, layer: ComparisonLayer) -> Layer:
    """A PEER layer that retrieves alike: v holds the values, and u is one zero that stands for all."""
    zeros = np.broadcast_to(np.zeros((), layer.dtype), (config.num_experts, config.d_model))
    router = {name: array for name, array in layer.params.items() if name != "values"}
    return Layer(config.retrieval, router | {"experts.u": zeros, "experts.v": layer.params["values"]})
