"""Gradients with their bounds, for given ids (chapter 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from peerspec.conformance.bounds.activation import activation_bounds, derivative_bounds
from peerspec.conformance.bounds.bounded import Array, Bounded, given
from peerspec.conformance.bounds.gates import gate_bounds, gate_derivative
from peerspec.conformance.bounds.model import Model
from peerspec.conformance.bounds.norm_gradients import norm_gradients
from peerspec.conformance.bounds.operations import contract, multiply, one_sum, returned, scatter_sum, sum_over
from peerspec.conformance.bounds.query_norm import Normed, query_normed
from peerspec.conformance.bounds.stages import gather_dot, gathered_scores, half_scores, query
from peerspec.reference import Layer
from peerspec.reference.half_scores import head_keys

__all__ = ["Routing", "gradient_bounds", "routing_gradients"]


@dataclass(frozen=True, eq=False)
class _Forward:
    """Results of the forward pass that the backward pass uses; ``slopes`` are derivatives of the weight by table."""

    normed: Normed
    scores: Bounded
    gate: Bounded
    weight: Bounded
    slopes: dict[str, Bounded]


def gradient_bounds(
    model: Model, linear: Model, layer: Layer, x: Array, dy: Array, mask: Array, ids: Array, *, training: bool = True
) -> dict[str, Bounded]:
    """Every gradient of the contract for tokens [T, D], dy [T, M], by parameter name and ``"x"``.

    ``linear`` is the model of the stages that are exact on exact data, ``model`` that of all other stages, with results
    in the dtype of x; gradients of parameters are returned in their own (PRC-6).
    """
    config = layer.config
    forward = _forward(model, linear, layer, x, mask, ids, training=training)
    v = given(layer.params["experts.v"][ids])
    z = contract(model, "thkm,tm->thk", v, given(dy), config.d_out + 3)  # gate, weight and slope may multiply inside
    terms_of_x = len(forward.slopes) * config.heads * config.top_k + config.heads * config.d_key
    grads, dx = _expert_gradients(model, layer, forward, z, x, dy, ids, terms_of_x)
    dgate = multiply(model, forward.weight, z)
    routing = Routing(ids, forward.normed, forward.scores, forward.gate)
    grads |= routing_gradients(model, layer, routing, dgate, x, mask, terms_of_x, training=training)
    grads["x"] = one_sum(*dx, grads["x"])
    own = model.returning(layer.dtype)
    return {name: returned(model if name == "x" else own, grad) for name, grad in grads.items()}


class Routing(NamedTuple):
    """Ids [T, h, k], the query after its norm, and scores and gates [T, h, k]."""

    ids: Array
    normed: Normed
    scores: Bounded
    gate: Bounded


def routing_gradients(
    model: Model,
    layer: Layer,
    routing: Routing,
    dgate: Bounded,
    x: Array,
    mask: Array,
    terms_of_x: int,
    *,
    training: bool = True,
) -> dict[str, Bounded]:
    """The gradients of the parameters of a router, and of x through it as part of a sum of ``terms_of_x`` terms."""
    dscores = gate_derivative(model, layer.config.gate, routing.scores, routing.gate, dgate)
    dkeys, dq = _key_gradients(model, layer, routing.normed.q, routing.ids, dscores)
    norm, dq = norm_gradients(model, layer, routing.normed, dq, mask, training=training)
    grads = {"keys": dkeys} | norm | {"query.weight": contract(model, "thc,td->hcd", dq, given(x), len(x))}
    if layer.config.query_bias:
        grads["query.bias"] = sum_over(model, dq, 0)
    weight = given(layer.params["query.weight"])
    return grads | {"x": contract(model, "hcd,thc->td", weight, dq, terms_of_x)}


def _forward(
    model: Model, linear: Model, layer: Layer, x: Array, mask: Array, ids: Array, *, training: bool
) -> _Forward:
    config = layer.config
    normed = query_normed(model, layer, query(linear, layer, x), mask, training=training)
    s1, s2 = half_scores(linear if config.query_norm == "none" else model, layer, normed.q)
    scores = gathered_scores(linear, s1, s2, ids)
    gate = gate_bounds(model, config.gate, scores)
    return _Forward(normed, scores, gate, *_weight_and_slopes(model, linear, layer, x, ids))


def _weight_and_slopes(
    model: Model, linear: Model, layer: Layer, x: Array, ids: Array
) -> tuple[Bounded, dict[str, Bounded]]:
    kind, products = layer.config.activation, gather_dot(linear, layer, "u", x, ids)
    if layer.config.expert == "mlp":
        return activation_bounds(model, kind, products), {"u": derivative_bounds(model, kind, products)}
    gating = gather_dot(linear, layer, "w", x, ids)
    active = activation_bounds(model, kind, gating)
    slopes = {"u": active, "w": multiply(model, derivative_bounds(model, kind, gating), products)}
    return multiply(model, active, products), slopes


def _expert_gradients(
    model: Model, layer: Layer, forward: _Forward, z: Bounded, x: Array, dy: Array, ids: Array, terms_of_x: int
) -> tuple[dict[str, Bounded], list[Bounded]]:
    """The gradients of the expert tables, and the parts of dx that pass u and w."""
    weight = multiply(model, forward.gate, forward.weight)
    grads, dx = {"experts.v": _expert_rows(model, layer, "v", ids, weight, dy)}, []
    for name, slope in forward.slopes.items():
        dproducts = multiply(model, multiply(model, forward.gate, z), slope)
        grads[f"experts.{name}"] = _expert_rows(model, layer, name, ids, dproducts, x)
        rows = given(layer.params[f"experts.{name}"][ids])
        dx.append(contract(model, "thk,thkd->td", dproducts, rows, terms_of_x))
    return grads, dx


def _expert_rows(model: Model, layer: Layer, name: str, ids: Array, weight: Bounded, rows: Array) -> Bounded:
    terms = multiply(model, weight[..., None], given(rows[:, None, None, :]))
    return scatter_sum(model, layer.params[f"experts.{name}"].shape, ids, terms)


def _key_gradients(model: Model, layer: Layer, q: Bounded, ids: Array, dscores: Bounded) -> tuple[Bounded, Bounded]:
    """The gradients of the sub-keys and of the query."""
    config, half = layer.config, layer.config.d_key // 2
    keys = head_keys(layer).astype(np.float64)
    head = np.arange(config.heads)[:, None]
    owner = head if config.key_heads > 1 else np.zeros_like(head)
    dq, terms, places = [], [], []
    for side, row in enumerate(np.divmod(ids, config.n)):
        part = slice(side * half, (side + 1) * half)
        dq.append(contract(model, "thk,thkc->thc", dscores, given(keys[head, side, row]), config.top_k))
        terms.append(multiply(model, dscores[..., None], q[:, :, None, part]))
        places.append((np.broadcast_to(owner, row.shape), np.full(row.shape, side), row))
    where = tuple(np.stack(column) for column in zip(*places, strict=True))
    stacked = Bounded(np.stack([t.value for t in terms]), np.stack([t.error for t in terms]))
    dkeys = scatter_sum(model, layer.params["keys"].shape, where, stacked)
    return dkeys, Bounded(*(np.concatenate([getattr(d, part) for d in dq], -1) for part in ("value", "error")))
