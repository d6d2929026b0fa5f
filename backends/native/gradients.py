"""Gradients of the layer: experts and sub-keys by the core, the rest by NumPy (SPEC.md, chapter 6)."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from peerspec.backends.native import core
from peerspec.backends.native.stages import evaluate, expert_tables
from peerspec.reference import InputError, Layer
from peerspec.reference.gradients import norm_backward

__all__ = ["gradients", "router_gradients"]


def gradients(
    layer: Layer, x: NDArray[Any], dy: NDArray[Any], *, mask: NDArray[Any] | None = None
) -> dict[str, NDArray[Any]]:
    """The gradient of Σ dy·y by parameter name and ``"x"``; see ``peerspec.reference.gradients``."""
    config, params = layer.config, layer.params
    at = evaluate(layer, x, mask, training=True)
    if dy.shape != (*at.lead, config.d_out):
        raise InputError(f"dy must have the shape of y, {(*at.lead, config.d_out)}, got {dy.shape} (SHP-1)")
    upstream = dy.reshape(-1, config.d_out).astype(at.x.dtype)
    pairs = (len(at.x), config.heads * config.top_k)
    ids = at.ids.reshape(pairs)

    dx, dgates, weights = core.mix_backward(expert_tables(layer), at.x, ids, at.gate.reshape(pairs), upstream)
    by_expert = core.sort_ids(ids, config.num_experts)
    grads = {
        f"experts.{name}": _table(by_expert, weight, upstream if name == "v" else at.x, params[f"experts.{name}"])
        for name, weight in weights.items()
    }
    dscores = _gate_backward(config.gate, at.gate, dgates.reshape(at.gate.shape))
    grads["keys"], dq = router_gradients(params["keys"], at.q, at.ids, dscores)
    dq = norm_backward(layer, at.raw, dq, at.mask, grads)
    grads["query.weight"] = np.einsum("thc,td->hcd", dq, at.x, optimize=True)
    if config.query_bias:
        grads["query.bias"] = dq.sum(0)
    through_query = np.einsum("hcd,thc->td", params["query.weight"].astype(dq.dtype), dq, optimize=True)
    grads["x"] = (dx + through_query).reshape(x.shape)
    return {name: gradient.astype(layer.dtype, copy=False) for name, gradient in grads.items()}


def _gate_backward(
    kind: str, gate: Float[np.ndarray, "T h k"], dgate: Float[np.ndarray, "T h k"]
) -> Float[np.ndarray, "T h k"]:
    """The gate's derivative applied to ``dgate``; with k = 1 the softmax gate is 1 and this exactly 0 (GRD-5)."""
    if kind == "sigmoid":
        return gate * (1 - gate) * dgate
    return gate * (dgate - (gate * dgate).sum(-1, keepdims=True))


def router_gradients(
    keys: Float[np.ndarray, "H_k 2 n half"],
    q: Float[np.ndarray, "T h d"],
    ids: Int[np.ndarray, "T h k"],
    dscores: Float[np.ndarray, "T h k"],
    *,
    threads: int | None = None,
) -> tuple[NDArray[Any], Float[np.ndarray, "T h d"]]:
    """The gradients of the sub-keys, in their format, and of the normalised query: sub-keys are rows of a table too.

    Only the k selected sub-keys of each list take part, so no [T, h, n] is made.
    """
    (heads, k), (_, _, n, half) = ids.shape[1:], keys.shape
    table = keys.reshape(-1, half)
    own = np.arange(heads) if len(keys) > 1 else np.zeros(heads, np.int64)
    lists = (-1 if len(q) else 0, k)  # one list of sub-keys for each token and head
    per_list = np.ascontiguousarray(dscores).reshape(lists)
    dkeys, dq = np.zeros(table.shape, keys.dtype), np.empty_like(q)
    for side, sub_key in enumerate(np.divmod(ids, n)):
        part = slice(side * half, (side + 1) * half)
        rows = ((2 * own[:, None] + side) * n + sub_key).reshape(lists)
        dq[..., part] = core.weighted_rows(table, rows, per_list, threads=threads).reshape(*q.shape[:2], half)
        by_row = core.sort_ids(rows, len(table))
        queries = np.ascontiguousarray(q[..., part]).reshape(-1, half)
        dkeys[by_row.touched] = core.spread_rows(by_row, per_list, queries, threads=threads).astype(keys.dtype)
    return dkeys.reshape(keys.shape), dq


def _table(by_row: core.Sorted, weights: NDArray[Any], rows: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    """A table of gradients: rows nobody selected stay zero (GRD-2), the others are rounded once."""
    out = np.zeros(like.shape, like.dtype)
    out[by_row.touched] = core.spread_rows(by_row, weights, rows).astype(like.dtype)
    return out
