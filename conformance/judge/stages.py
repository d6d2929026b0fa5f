"""The stages of the layer in bounded arithmetic: the reference's formulas with the freedom PRC-4 leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from peerspec.conformance.judge.activation import activation_bounds
from peerspec.conformance.judge.bounded import (
    Array,
    Bounded,
    add,
    contract,
    divide,
    given,
    multiply,
    root,
    take,
    together,
    total,
)
from peerspec.conformance.judge.model import DIVIDE, Model
from peerspec.reference import Layer
from peerspec.reference.query_norm import EPS, MOMENTUM
from peerspec.reference.scores import head_keys

__all__ = [
    "Normed",
    "constant",
    "gathered_scores",
    "half_scores",
    "mix",
    "pair_weights",
    "project",
    "query",
    "query_normed",
    "returned",
]


@dataclass(frozen=True, eq=False)
class Normed:
    """The query after its norm, and what the norm made on the way.

    ``unit`` and ``spread`` (√(var + ε)) are None without a norm, ``state`` without training.
    """

    q: Bounded
    unit: Bounded | None = None
    spread: Bounded | None = None
    state: dict[str, Bounded] | None = None


def query(model: Model, layer: Layer, x: Array) -> Bounded:
    """q of QRY-1 before the norm, [T, h, d]."""
    config, weight = layer.config, given(layer.params["query.weight"])
    terms = config.d_model + config.query_bias
    q = contract(model, "hcd,td->thc", weight, given(x), terms)
    if not config.query_bias:
        return q
    bias = given(np.broadcast_to(layer.params["query.bias"].astype(float), q.value.shape))
    return together(q, Bounded(bias.value, model.gamma(terms) * bias.reach))


def query_normed(model: Model, layer: Layer, q: Bounded, mask: Array, *, training: bool) -> Normed:
    """The norm of chapter 5."""
    kind = layer.config.query_norm
    if kind == "none":
        return Normed(q)
    state = None
    if kind == "layer":
        mean, var = _moments(model, q, -1)
    elif training:
        mean, var = _moments(model, q[mask], 0)
        state = {
            f"query_norm.{name}": _moved(model, layer.params[f"query_norm.{name}"], batch.reshape(*q.value.shape[1:]))
            for name, batch in (("mean", mean), ("var", var))
        }
    else:
        mean, var = given(layer.params["query_norm.mean"]), given(layer.params["query_norm.var"])
    spread = root(model, add(model, var, constant(model, EPS)))
    unit = divide(model, add(model, q, _negative(mean)), spread)
    scale, bias = (given(layer.params[f"query_norm.{name}"]) for name in ("scale", "bias"))
    # q·a + (b − mean·a) rounds at the size of q and of the mean; so does W·a, where the norm is folded into W
    folded = kind == "batch" and not training
    apart = ((q.size if folded else q.reach) + mean.reach) / spread.value
    unit = Bounded(unit.value, unit.error + 3 * model.step * apart)
    normed = add(model, multiply(model, unit, scale), bias)
    normed = Bounded(normed.value, normed.error + 2 * model.step * bias.reach)
    if folded:
        normed = Bounded(normed.value, normed.error, apart * scale.reach + bias.reach)
    return Normed(normed, unit, spread, state)


def half_scores(model: Model, layer: Layer, q: Bounded) -> tuple[Bounded, Bounded]:
    """s₁ and s₂ of SCO-1, [T, h, n] each; the terms of the query count one by one, as keys may be folded into W."""
    half = layer.config.d_key // 2
    keys = head_keys(layer).astype(np.float64)
    first, second = q[..., :half], q[..., half:]
    return (
        contract(model, "thc,hnc->thn", first, given(keys[:, 0]), half),
        contract(model, "thc,hnc->thn", second, given(keys[:, 1]), half),
    )


def gathered_scores(model: Model, s1: Bounded, s2: Bounded, ids: Array) -> Bounded:
    """s of SCO-2 for given experts, [T, h, k]."""
    i, j = np.divmod(ids, s1.value.shape[-1])
    return add(model, take(s1, i), take(s2, j))


def project(model: Model, layer: Layer, name: str, x: Array, ids: Array) -> Bounded:
    """The inner product of each token with a row of each of its experts, [T, h, k]."""
    rows = given(layer.params[f"experts.{name}"][ids])
    return contract(model, "thkd,td->thk", rows, given(x), layer.config.d_model)


def pair_weights(model: Model, linear: Model, layer: Layer, x: Array, ids: Array) -> Bounded:
    """What multiplies v (EXP-1, EXP-2), [T, h, k]; ``linear`` is the model of the inner products."""
    kind, inner = layer.config.activation, project(linear, layer, "u", x, ids)
    if layer.config.expert == "mlp":
        return activation_bounds(model, kind, inner)
    return multiply(model, activation_bounds(model, kind, project(linear, layer, "w", x, ids)), inner)


def mix(model: Model, layer: Layer, weights: Bounded, gates: Bounded, ids: Array) -> Bounded:
    """y of OUT-1 as returned, [T, M]."""
    config = layer.config
    rows = given(layer.params["experts.v"][ids])
    y = contract(model, "thk,thkm->tm", multiply(model, gates, weights), rows, config.heads * config.top_k)
    return returned(model, y)


def returned(model: Model, a: Bounded) -> Bounded:
    """Rounded once to the input format (PRC-1)."""
    underflow = np.where((np.abs(a.value) - a.error < model.tiny_in) & (a.reach > 0), model.tiny_in, 0.0)
    return Bounded(a.value, a.error + model.u_in * a.reach + underflow)


def _moments(model: Model, q: Bounded, axis: int) -> tuple[Bounded, Bounded]:
    """Mean and biased variance; 1/m may multiply each term or their sum.

    One pass, E q² − (E q)², is a legal sum whose terms are bounded by magnitudes, so the bound is that of E q²:
    m + 8 roundings in E q², twice as many and one in the square of the mean, one in the difference.
    """
    count = given(np.array(float(q.value.shape[axis])))
    mean = divide(model, total(model, q, axis, keepdims=True), count)
    each = DIVIDE * model.step * q.reach.mean(axis, keepdims=True)
    mean = Bounded(mean.value, mean.error + each)
    value = q.value.var(axis, keepdims=True)
    power = (q.reach**2).mean(axis, keepdims=True)
    centre = np.abs(q.value - mean.value)
    spread = (2 * centre * q.error + q.error**2).mean(axis, keepdims=True) + mean.error**2
    rounding = (3 * model.gamma(q.value.shape[axis] + 2) + 20 * model.step) * power
    return mean, Bounded(value, spread + rounding + 4 * model.tiny)


def _negative(a: Bounded) -> Bounded:
    return Bounded(-a.value, a.error)


def constant(model: Model, value: float, roundings: float = 1.0) -> Bounded:
    """A number that no format holds, known to a relative error."""
    return given(np.array(value), roundings * model.step * abs(value))


def _moved(model: Model, running: Array, batch: Bounded) -> Bounded:
    """0.9·old + 0.1·new, or old + 0.1·(new − old), whose difference and product round at a tenth of both."""
    old = multiply(model, constant(model, 1 - MOMENTUM), given(running))
    new = multiply(model, constant(model, MOMENTUM), batch)
    moved = add(model, old, new)
    difference = 3 * MOMENTUM * model.step * (batch.reach + np.abs(running))
    return returned(model, Bounded(moved.value, moved.error + difference))
