"""Gradients in bounded arithmetic, on given ids (chapter 6)."""

from __future__ import annotations

import numpy as np

from peerspec.conformance.bounds.activation import activation_bounds, derivative_bounds
from peerspec.conformance.bounds.bounded import (
    Array,
    Bounded,
    contract,
    divide,
    given,
    multiply,
    returned,
    scatter_sum,
    together,
    total,
)
from peerspec.conformance.bounds.gates import gate_bounds, gate_derivative
from peerspec.conformance.bounds.model import DIVIDE, Model
from peerspec.conformance.bounds.query_norm import Normed, constant, query_normed
from peerspec.conformance.bounds.stages import (
    gather_dot,
    gathered_scores,
    half_scores,
    query,
)
from peerspec.reference import Layer
from peerspec.reference.half_scores import head_keys

__all__ = ["gradient_bounds"]


def gradient_bounds(
    model: Model, linear: Model, layer: Layer, x: Array, dy: Array, mask: Array, ids: Array
) -> dict[str, Bounded]:
    """Every gradient of the contract for tokens [T, D], dy [T, M], by parameter name and ``"x"``.

    ``linear`` is the model of the stages that are exact on exact data; ``model`` that of all others.
    """
    config = layer.config
    normed = query_normed(model, layer, query(linear, layer, x), mask, training=True)
    s1, s2 = half_scores(linear if config.query_norm == "none" else model, layer, normed.q)
    gate = gate_bounds(model, config.gate, gathered_scores(linear, s1, s2, ids))
    weight, slopes = _weight_and_slopes(model, linear, layer, x, ids)

    v = given(layer.params["experts.v"][ids])
    z = contract(model, "thkm,tm->thk", v, given(dy), config.d_out + 3)  # gate, weight and slope may multiply inside
    grads = {"experts.v": _expert_rows(model, layer, "v", ids, multiply(model, gate, weight), dy)}
    paths, terms = [], len(slopes) * config.heads * config.top_k + config.heads * config.d_key
    for name, slope in slopes.items():
        inner = multiply(model, multiply(model, gate, z), slope)
        grads[f"experts.{name}"] = _expert_rows(model, layer, name, ids, inner, x)
        rows = given(layer.params[f"experts.{name}"][ids])
        paths.append(contract(model, "thk,thkd->td", inner, rows, terms))

    dscores = gate_derivative(model, config.gate, gate, multiply(model, weight, z))
    grads["keys"], dq = _scores(model, layer, normed.q, ids, dscores)
    dq = _norm(model, layer, normed, dq, mask, grads)
    grads["query.weight"] = contract(model, "thc,td->hcd", dq, given(x), len(x))
    if config.query_bias:
        grads["query.bias"] = total(model, dq, 0)
    weights = given(layer.params["query.weight"])
    paths.append(contract(model, "hcd,thc->td", weights, dq, terms))
    grads["x"] = together(*paths)
    return {name: returned(model, grad) for name, grad in grads.items()}


def _weight_and_slopes(
    model: Model, linear: Model, layer: Layer, x: Array, ids: Array
) -> tuple[Bounded, dict[str, Bounded]]:
    kind, inner = layer.config.activation, gather_dot(linear, layer, "u", x, ids)
    if layer.config.expert == "mlp":
        return activation_bounds(model, kind, inner), {"u": derivative_bounds(model, kind, inner)}
    gating = gather_dot(linear, layer, "w", x, ids)
    active = activation_bounds(model, kind, gating)
    slopes = {"u": active, "w": multiply(model, derivative_bounds(model, kind, gating), inner)}
    return multiply(model, active, inner), slopes


def _expert_rows(model: Model, layer: Layer, name: str, ids: Array, weight: Bounded, rows: Array) -> Bounded:
    spread = Bounded(weight.value[..., None], weight.error[..., None])
    terms = multiply(model, spread, given(rows[:, None, None, :]))
    return scatter_sum(model, layer.params[f"experts.{name}"].shape, ids, terms)


def _scores(model: Model, layer: Layer, q: Bounded, ids: Array, dscores: Bounded) -> tuple[Bounded, Bounded]:
    config, half = layer.config, layer.config.d_key // 2
    keys = head_keys(layer).astype(np.float64)
    head = np.arange(config.heads)[:, None]
    own = head if config.key_heads > 1 else np.zeros_like(head)
    sides, places, terms = [], [], []
    spread = Bounded(dscores.value[..., None], dscores.error[..., None])
    for side, row in enumerate(np.divmod(ids, config.n)):
        part = slice(side * half, (side + 1) * half)
        sides.append(contract(model, "thk,thkc->thc", dscores, given(keys[head, side, row]), config.top_k))
        terms.append(multiply(model, spread, q[:, :, None, part]))
        places.append((np.broadcast_to(own, row.shape), np.full(row.shape, side), row))
    where = tuple(np.stack(column) for column in zip(*places, strict=True))
    stacked = Bounded(np.stack([t.value for t in terms]), np.stack([t.error for t in terms]))
    dkeys = scatter_sum(model, layer.params["keys"].shape, where, stacked)
    dq = Bounded(*(np.concatenate([getattr(s, part) for s in sides], -1) for part in ("value", "error")))
    return dkeys, dq


def _norm(model: Model, layer: Layer, normed: Normed, dq: Bounded, mask: Array, grads: dict[str, Bounded]) -> Bounded:
    if normed.unit is None or normed.spread is None:
        return dq
    unit, scale = normed.unit, given(layer.params["query_norm.scale"])
    grads["query_norm.scale"] = total(model, multiply(model, dq, unit), 0)
    grads["query_norm.bias"] = total(model, dq, 0)
    dunit = multiply(model, dq, scale)
    if layer.config.query_norm == "batch":
        axis, counted, number = 0, mask[:, None, None].astype(float), mask.sum()
    else:
        axis, counted, number = -1, np.ones(1), dq.value.shape[-1]
    share = constant(model, 1 / number, DIVIDE)  # of each term or of their sum
    mean = total(model, multiply(model, share, dunit), axis, keepdims=True)
    along = total(model, multiply(model, share, multiply(model, dunit, unit)), axis, keepdims=True)
    slope = multiply(model, unit, along)
    parts = together(dunit, *(multiply(model.exact(), given(-counted), part) for part in (mean, slope)))
    rounding = model.gamma(5) * parts.size  # two sums, and where 1/m is taken out, m·dunit and 1/m in another product
    centred = Bounded(parts.value, parts.error + rounding)
    return divide(model, centred, normed.spread)
