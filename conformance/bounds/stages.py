"""The stages of the forward pass with their bounds: the formulas of the reference and the rearrangements of PRC-4."""

from __future__ import annotations

import numpy as np

from peerspec.conformance.bounds.activation import activation_bounds
from peerspec.conformance.bounds.bounded import Array, Bounded, given
from peerspec.conformance.bounds.model import Model
from peerspec.conformance.bounds.operations import add, contract, multiply, one_sum, returned, take
from peerspec.reference import Layer
from peerspec.reference.half_scores import head_keys

__all__ = [
    "gather_dot",
    "gathered_scores",
    "half_scores",
    "output",
    "pair_weights",
    "query",
]


def query(model: Model, layer: Layer, x: Array) -> Bounded:
    """q of QRY-1 before the norm, [T, h, d]."""
    config, weight = layer.config, given(layer.params["query.weight"])
    terms = config.d_model + config.query_bias
    q = contract(model, "hcd,td->thc", weight, given(x), terms)
    if not config.query_bias:
        return q
    bias = given(np.broadcast_to(layer.params["query.bias"].astype(float), q.value.shape))
    return one_sum(q, Bounded(bias.value, model.tau(terms) * bias.reach))


def half_scores(model: Model, layer: Layer, q: Bounded) -> tuple[Bounded, Bounded]:
    """s₁ and s₂ of SCO-1, [T, h, n] each; keys may be folded into W, so each term of the query rounds by itself."""
    half = layer.config.d_key // 2
    keys = head_keys(layer).astype(np.float64)
    first, second = q[..., :half], q[..., half:]
    return (
        contract(model, "thc,hnc->thn", first, given(keys[:, 0]), half),
        contract(model, "thc,hnc->thn", second, given(keys[:, 1]), half),
    )


def gathered_scores(model: Model, s1: Bounded, s2: Bounded, ids: Array) -> Bounded:
    """s of SCO-4 for the experts of ids [T, h, k]."""
    i, j = np.divmod(ids, s1.value.shape[-1])
    return add(model, take(s1, i), take(s2, j))


def gather_dot(model: Model, layer: Layer, name: str, x: Array, ids: Array) -> Bounded:
    """The inner products of tokens with the rows of their experts in table ``name``, [T, h, k]."""
    rows = given(layer.params[f"experts.{name}"][ids])
    return contract(model, "thkd,td->thk", rows, given(x), layer.config.d_model)


def pair_weights(model: Model, linear: Model, layer: Layer, x: Array, ids: Array) -> Bounded:
    """The factor of v (EXP-1, EXP-2), [T, h, k]; ``linear`` is the model of the inner products."""
    kind, products = layer.config.activation, gather_dot(linear, layer, "u", x, ids)
    if layer.config.expert == "mlp":
        return activation_bounds(model, kind, products)
    return multiply(model, activation_bounds(model, kind, gather_dot(linear, layer, "w", x, ids)), products)


def output(model: Model, layer: Layer, weights: Bounded, gates: Bounded, ids: Array) -> Bounded:
    """y of OUT-1 as returned, [T, M]."""
    config = layer.config
    rows = given(layer.params["experts.v"][ids])
    y = contract(model, "thk,thkm->tm", multiply(model, gates, weights), rows, config.heads * config.top_k)
    return returned(model, y)
