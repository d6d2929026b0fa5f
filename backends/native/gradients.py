"""Gradients of the layer: the core computes those of experts and sub-keys, NumPy the others (SPEC.md, chapter 6)."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from peerspec import native
from peerspec.backends.native.stages import evaluate, expert_tables, router_tables
from peerspec.reference import InputError, Layer
from peerspec.reference.query_norm import query_norm_backward

__all__ = ["gradients"]


def gradients(
    layer: Layer, x: NDArray[Any], dy: NDArray[Any], *, mask: NDArray[Any] | None = None, training: bool = True
) -> dict[str, NDArray[Any]]:
    """The gradient of Σ dy·y by parameter name and ``"x"``; see ``peerspec.reference.gradients``."""
    config, params = layer.config, layer.params
    at = evaluate(layer, x, mask, training=training)
    if dy.shape != (*at.lead, config.d_out):
        raise InputError(f"dy must have the shape of y, {(*at.lead, config.d_out)}, got {dy.shape} (SHP-1)")
    upstream = dy.reshape(-1, config.d_out).astype(at.x.dtype)
    pairs = (len(at.x), config.heads * config.top_k)
    ids = at.ids.reshape(pairs)

    dx, dgates, weights = native.expert_stage_backward(
        expert_tables(layer), at.x, ids, at.gate.reshape(pairs), upstream
    )
    by_expert = native.sort_ids(ids, config.num_experts)
    grads = {
        f"experts.{name}": _table(by_expert, weight, upstream if name == "v" else at.x, params[f"experts.{name}"])
        for name, weight in weights.items()
    }
    dscores = _gate_backward(config.gate, at.gate, dgates.reshape(at.gate.shape))
    dq, grads["keys"] = native.retrieve_backward(router_tables(layer), at.q, at.ids, dscores)
    dq = query_norm_backward(layer, at.raw, dq, at.mask, grads, training=training)
    grads["query.weight"] = np.einsum("thc,td->hcd", dq, at.x, optimize=True)
    if config.query_bias:
        grads["query.bias"] = dq.sum(0)
    through_query = np.einsum("hcd,thc->td", params["query.weight"].astype(dq.dtype), dq, optimize=True)
    grads["x"] = (dx + through_query).reshape(x.shape)
    dtypes = {name: x.dtype if name == "x" else layer.dtype for name in grads}
    return {name: gradient.astype(dtypes[name], copy=False) for name, gradient in grads.items()}


def _gate_backward(
    kind: str, gate: Float[np.ndarray, "T h k"], dgate: Float[np.ndarray, "T h k"]
) -> Float[np.ndarray, "T h k"]:
    """The derivative of the gate applied to ``dgate``; exactly 0 for softmax with k = 1 (GRD-5)."""
    if kind == "sigmoid":
        return gate * (1 - gate) * dgate
    return gate * (dgate - (gate * dgate).sum(-1, keepdims=True))


def _table(by_row: native.SortedPairs, weights: NDArray[Any], rows: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    """A table of gradients: touched rows are rounded once, the others are zero (GRD-2)."""
    out = np.zeros(like.shape, like.dtype)
    out[by_row.touched] = native.scatter_sum(by_row, weights, rows).astype(like.dtype)
    return out
