"""Gradients, derived by hand, for a constant selection (SPEC.md, chapter 6).

Let e = σ(u·x), or σ(w·x)·(u·x) for GLU, be the weight of v, g the gates, y = Σ g e v, and z = v·dy. Then

    dg = e z        de = g z            ds = dg through the derivative of the gate
    dC_i = Σ ds q₁  dC'_j = Σ ds q₂     dq = Σ ds (C_i, C'_j), then through the query norm
    dW = Σ dq xᵀ    db = Σ dq           dx = Wᵀ dq + Σ de (∂e/∂a) u, the sum of both paths (GRD-4)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Shaped
from numpy.typing import DTypeLike

from peerspec.reference.activations import activate, activate_derivative
from peerspec.reference.errors import InputError
from peerspec.reference.forward import flatten, forward
from peerspec.reference.half_scores import head_keys
from peerspec.reference.layer import Layer
from peerspec.reference.query import query
from peerspec.reference.query_norm import query_norm, query_norm_backward
from peerspec.reference.rows import gather_dot, gather_sum, scatter_sum

__all__ = ["gradients", "routing_backward"]


def gradients(
    layer: Layer,
    x: Shaped[np.ndarray, "*lead D"],
    dy: Shaped[np.ndarray, "*lead M"],
    *,
    mask: Bool[np.ndarray, "*lead"] | None = None,
    training: bool = True,
    dtype: DTypeLike = np.float64,
    indices: Int[np.ndarray, "*lead h k"] | None = None,
) -> dict[str, np.ndarray]:
    """The gradients of Σ dy·y with respect to x and to every parameter except running statistics.

    Args:
        layer, x, mask, dtype, indices: as in ``forward``.
        training: with ``query_norm="batch"``, whether gradients flow through batch statistics (GRD-7) or the running
            statistics are constants (GRD-9).
        dy: [..., M], the gradient of a scalar with respect to y.

    Returns:
        The gradients by parameter name, and of x by ``"x"``, each of the shape of its parameter.

    Raises:
        InputError: as ``forward``.

    Example:
        >>> from peerspec.reference import Layer, PeerConfig
        >>> layer = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
        >>> x = np.ones((5, 4), np.float32)
        >>> found = gradients(layer, x, dy=x)
        >>> found["x"].shape, found["experts.u"].shape
        ((5, 4), (9, 4))
    """
    config = layer.config
    out = forward(layer, x, mask=mask, training=training, dtype=dtype, indices=indices)
    assert out.indices is not None  # the reference always returns its routing
    assert out.gates is not None
    tokens, mask, lead = flatten(layer, x, mask)
    if dy.shape != (*lead, config.d_out):
        raise InputError(f"dy must have the shape of y, {(*lead, config.d_out)}, got {dy.shape} (SHP-1)")
    tokens, dy = tokens.astype(dtype), dy.reshape(-1, config.d_out).astype(dtype)
    ids, gate = (part.reshape(-1, config.heads, config.top_k) for part in (out.indices, out.gates))

    with np.errstate(invalid="ignore", over="ignore"):  # as in ``forward``
        grads, dx, dgate = _experts_backward(layer, tokens, ids, gate, dy)
        dx += routing_backward(layer, tokens, ids, gate, dgate, mask, grads, training=training)
    grads["x"] = dx.reshape(*lead, config.d_model)
    return grads


def routing_backward(
    layer: Layer,
    x: np.ndarray,
    ids: np.ndarray,
    gate: np.ndarray,
    dgate: np.ndarray,
    mask: np.ndarray,
    grads: dict[str, np.ndarray],
    *,
    training: bool,
) -> np.ndarray:
    """The gradient of x through the routing; adds those of its parameters to ``grads`` (B6 to B11)."""
    dscores = _gates_backward(layer.config.gate, gate, dgate)
    raw = query(layer, x)
    q, _ = query_norm(layer, raw, mask=mask, training=training)
    grads["keys"], dq = _scores_backward(layer, q, ids, dscores)
    dq = query_norm_backward(layer, raw, dq, mask, grads, training=training)
    return _query_backward(layer, x, dq, grads)


def _experts_backward(
    layer: Layer, x: np.ndarray, ids: np.ndarray, gate: np.ndarray, dy: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """The gradients of the tables, of x through the experts, and of the gates."""
    config, params = layer.config, layer.params
    weights, slopes = _weights_and_slopes(layer, x, ids)
    z = gather_dot(params["experts.v"], ids, dy)
    grads = {"experts.v": scatter_sum(config.num_experts, ids, gate * weights, dy)}
    dx = np.zeros_like(x)
    for name, slope in slopes.items():
        da = gate * z * slope
        grads[f"experts.{name}"] = scatter_sum(config.num_experts, ids, da, x)
        dx += gather_sum(params[f"experts.{name}"], ids, da)
    return grads, dx, weights * z


def _weights_and_slopes(layer: Layer, x: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The weight of v, and its derivative with respect to the inner products with u and w (EXP-1, EXP-2)."""
    kind, inner = layer.config.activation, gather_dot(layer.params["experts.u"], ids, x)
    if layer.config.expert == "mlp":
        return activate(kind, inner), {"u": activate_derivative(kind, inner)}
    gating = gather_dot(layer.params["experts.w"], ids, x)
    active = activate(kind, gating)
    return active * inner, {"u": active, "w": activate_derivative(kind, gating) * inner}


def _gates_backward(kind: str, gate: np.ndarray, dgate: np.ndarray) -> np.ndarray:
    if kind == "sigmoid":
        return gate * (1 - gate) * dgate
    # gate · (dgate − Σ gate·dgate) without what all dgate have in common, so exactly zero for k = 1 (GRD-5)
    difference = dgate - dgate[..., :1]
    return gate * (difference - (gate * difference).sum(-1, keepdims=True))


def _scores_backward(
    layer: Layer, q: np.ndarray, ids: np.ndarray, dscores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of the sub-keys and of the normalised query."""
    config, half = layer.config, layer.config.d_key // 2
    keys = head_keys(layer).astype(q.dtype)
    dkeys, dq = np.zeros(keys.shape, q.dtype), np.zeros_like(q)
    head = np.arange(config.heads)[:, None]
    for side, row in enumerate(np.divmod(ids, config.n)):
        part = slice(side * half, (side + 1) * half)
        dq[..., part] = np.einsum("thk,thkc->thc", dscores, keys[head, side, row], optimize=True)
        where: Any = (head, side, row)
        np.add.at(dkeys, where, dscores[..., None] * q[:, :, None, part])
    return (dkeys.sum(0, keepdims=True) if config.key_heads == 1 else dkeys), dq


def _query_backward(layer: Layer, x: np.ndarray, dq: np.ndarray, grads: dict[str, np.ndarray]) -> np.ndarray:
    """The gradient of x through the query; adds the gradients of weight and bias to ``grads``."""
    grads["query.weight"] = np.einsum("thc,td->hcd", dq, x, optimize=True)
    if layer.config.query_bias:
        grads["query.bias"] = dq.sum(0)
    return np.einsum("hcd,thc->td", layer.params["query.weight"].astype(x.dtype), dq, optimize=True)
