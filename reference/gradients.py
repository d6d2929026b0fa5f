"""Gradients, derived by hand, with the selection held constant (SPEC.md, chapter 6).

With e = σ(u·x) (or σ(w·x)·(u·x)), g the gates and y = Σ g e v, write z = v·dy. Then

    dg = e z        de = g z        ds = the gate's own derivative applied to dg
    dC_i = Σ ds q₁  dC'_j = Σ ds q₂     dq = Σ ds (C_i, C'_j)     through the norm, then
    dW = Σ dq xᵀ    db = Σ dq       dx = Wᵀ dq + Σ de (∂e/∂a) u   (both paths, GRD-4)
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
from peerspec.reference.query_norm import EPS, batch_statistics, normalise, query_norm
from peerspec.reference.rows import gather_dot, gather_sum, scatter_sum

__all__ = ["gradients", "norm_backward"]


def gradients(
    layer: Layer,
    x: Shaped[np.ndarray, "*lead D"],
    dy: Shaped[np.ndarray, "*lead M"],
    *,
    mask: Bool[np.ndarray, "*lead"] | None = None,
    dtype: DTypeLike = np.float64,
    indices: Int[np.ndarray, "*lead h k"] | None = None,
) -> dict[str, np.ndarray]:
    """The gradient of Σ dy·y with respect to x and every parameter but running statistics.

    Args:
        layer, x, mask, dtype, indices: as in ``forward``, which runs in training mode (GRD-7).
        dy: [..., M], the gradient of a scalar with respect to y.

    Returns:
        Arrays of the shape of what they are the gradient of, by parameter name and ``"x"``.

    Raises:
        InputError: as ``forward``.
    """
    config, params = layer.config, layer.params
    out = forward(layer, x, mask=mask, training=True, dtype=dtype, indices=indices)
    assert out.indices is not None  # the reference always shows its routing
    assert out.gates is not None
    tokens, mask, lead = flatten(layer, x, mask)
    if dy.shape != (*lead, config.d_out):
        raise InputError(f"dy must have the shape of y, {(*lead, config.d_out)}, got {dy.shape} (SHP-1)")
    tokens, dy = tokens.astype(dtype), dy.reshape(-1, config.d_out).astype(dtype)
    ids, gate = (part.reshape(-1, config.heads, config.top_k) for part in (out.indices, out.gates))

    weights, slopes = _weights_and_slopes(layer, tokens, ids)
    z = gather_dot(params["experts.v"], ids, dy)
    grads = {"experts.v": scatter_sum(config.num_experts, ids, gate * weights, dy)}
    dx = np.zeros_like(tokens)
    for name, slope in slopes.items():
        inner = gate * z * slope
        grads[f"experts.{name}"] = scatter_sum(config.num_experts, ids, inner, tokens)
        dx += gather_sum(params[f"experts.{name}"], ids, inner)

    dscores = _gate_backward(config.gate, gate, weights * z)
    raw = query(layer, tokens)
    q, _ = query_norm(layer, raw, mask=mask, training=True)
    grads["keys"], dq = _score_backward(layer, q, ids, dscores)
    dq = norm_backward(layer, raw, dq, mask, grads)
    grads["query.weight"] = np.einsum("thc,td->hcd", dq, tokens, optimize=True)
    if config.query_bias:
        grads["query.bias"] = dq.sum(0)
    dx += np.einsum("hcd,thc->td", params["query.weight"].astype(dtype), dq, optimize=True)
    grads["x"] = dx.reshape(*lead, config.d_model)
    return grads


def _weights_and_slopes(layer: Layer, x: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """What multiplies v, and its derivative by each inner product it is made of (EXP-1, EXP-2)."""
    kind, inner = layer.config.activation, gather_dot(layer.params["experts.u"], ids, x)
    if layer.config.expert == "mlp":
        return activate(kind, inner), {"u": activate_derivative(kind, inner)}
    gating = gather_dot(layer.params["experts.w"], ids, x)
    active = activate(kind, gating)
    return active * inner, {"u": active, "w": activate_derivative(kind, gating) * inner}


def _gate_backward(kind: str, gate: np.ndarray, dgate: np.ndarray) -> np.ndarray:
    if kind == "sigmoid":
        return gate * (1 - gate) * dgate
    # gate · (dgate − Σ gate·dgate), written so that k = 1 gives exactly zero (GRD-5)
    k = gate.shape[-1]
    difference = dgate[..., :, None] - dgate[..., None, :]
    return gate * np.einsum("...j,...ij->...i", gate, difference) if k > 1 else np.zeros_like(gate)


def _score_backward(layer: Layer, q: np.ndarray, ids: np.ndarray, dscores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of the sub-keys and of the normalised query."""
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


def norm_backward(
    layer: Layer, raw: np.ndarray, dq: np.ndarray, mask: np.ndarray, grads: dict[str, np.ndarray]
) -> np.ndarray:
    """The gradient of the raw query; adds those of scale and bias to ``grads`` (GRD-7)."""
    if layer.config.query_norm == "none":
        return dq
    if layer.config.query_norm == "batch":
        axis, share = 0, mask[:, None, None] / mask.sum()
        mean, var = batch_statistics(raw, mask)
    else:
        axis, share = -1, np.full((1, 1, raw.shape[-1]), 1 / raw.shape[-1])
        mean, var = raw.mean(-1, keepdims=True), raw.var(-1, keepdims=True)
    unit = normalise(raw, mean, var)
    grads["query_norm.scale"], grads["query_norm.bias"] = (dq * unit).sum(0), dq.sum(0)
    dunit = dq * layer.params["query_norm.scale"].astype(dq.dtype)
    centred = dunit - share * dunit.sum(axis, keepdims=True)
    centred -= share * unit * (dunit * unit).sum(axis, keepdims=True)
    return centred / np.sqrt(var + EPS)
