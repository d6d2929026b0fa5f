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
    total,
)
from peerspec.conformance.judge.model import Model
from peerspec.reference import Layer
from peerspec.reference.query_norm import EPS, MOMENTUM
from peerspec.reference.scores import head_keys

__all__ = [
    "Normed",
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
    weight = given(layer.params["query.weight"])
    q = contract(model, "hcd,td->thc", weight, given(x), layer.config.d_model)
    if layer.config.query_bias:
        bias = given(np.broadcast_to(layer.params["query.bias"].astype(float), q.value.shape))
        first = model.gamma(layer.config.d_model + 1) * bias.reach  # a sum may start from b and round at its size
        q = add(model, Bounded(q.value, q.error + first), bias)
    return q


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
    spread = root(model, add(model, var, given(np.full(var.value.shape, EPS), EPS * model.step)))
    unit = divide(model, _minus(model, q, mean), spread)
    scale, bias = (given(layer.params[f"query_norm.{name}"]) for name in ("scale", "bias"))
    return Normed(add(model, multiply(model, unit, scale), bias), unit, spread, state)


def half_scores(model: Model, layer: Layer, q: Bounded) -> tuple[Bounded, Bounded]:
    """s₁ and s₂ of SCO-1, [T, h, n] each."""
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
    underflow = np.where(np.abs(a.value) - a.error < model.tiny_in, model.tiny_in, 0.0)
    return Bounded(a.value, a.error + model.u_in * a.reach + underflow)


def _moments(model: Model, q: Bounded, axis: int) -> tuple[Bounded, Bounded]:
    """Mean and biased variance.

    One pass, E q² − (E q)², is a legal sum whose terms are bounded by magnitudes, so the bound is that of E q².
    """
    count = given(np.array(float(q.value.shape[axis])))
    mean = divide(model, total(model, q, axis, keepdims=True), count)
    value = q.value.var(axis, keepdims=True)
    power = (q.reach**2).mean(axis, keepdims=True)
    centre = np.abs(q.value - mean.value)
    spread = (2 * centre * q.error + q.error**2).mean(axis, keepdims=True) + mean.error**2
    rounding = (3 * model.gamma(q.value.shape[axis] + 2) + 16 * model.step) * power
    return mean, Bounded(value, spread + rounding + 4 * model.tiny)


def _minus(model: Model, a: Bounded, b: Bounded) -> Bounded:
    return add(model, a, Bounded(-b.value, b.error))


def _moved(model: Model, running: Array, batch: Bounded) -> Bounded:
    old = multiply(model, given(np.full(running.shape, 1 - MOMENTUM), model.step), given(running))
    new = multiply(model, given(np.full(running.shape, MOMENTUM), model.step), batch)
    return returned(model, add(model, old, new))
