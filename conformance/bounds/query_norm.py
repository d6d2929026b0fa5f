"""The query norm in bounded arithmetic (chapter 5).

q·a + (b − mean·a), with a = scale/√(var + ε), is as legal as scale·(q − mean)/√(var + ε) + b, and rounds at the size
of q and of the mean; a derivative through E q² − q̄² does so too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from peerspec.conformance.bounds.bounded import Array, Bounded, add, divide, given, multiply, root, total
from peerspec.conformance.bounds.model import DIVIDE, Model
from peerspec.reference import Layer
from peerspec.reference.query_norm import EPS, MOMENTUM

__all__ = ["Normed", "constant", "query_normed"]


@dataclass(frozen=True, eq=False)
class Normed:
    """The query after its norm, and what the norm made on the way.

    ``unit`` and ``spread`` (√(var + ε)) are None without a norm, ``state`` without training.
    """

    q: Bounded
    unit: Bounded | None = None
    spread: Bounded | None = None
    state: dict[str, Bounded] | None = None


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
        mean, var = (given(layer.params[f"query_norm.{name}"]) for name in ("mean", "var"))
    spread = root(model, add(model, var, constant(model, EPS)))
    unit = divide(model, add(model, q, _negative(mean)), spread)
    scale, bias = (given(layer.params[f"query_norm.{name}"]) for name in ("scale", "bias"))
    unit = Bounded(unit.value, unit.error + 3 * model.step * (q.reach + mean.reach) / spread.value)
    normed = add(model, multiply(model, unit, scale), bias)
    normed = Bounded(normed.value, normed.error + 2 * model.step * bias.reach)
    if kind == "batch" and not training:
        normed = _folded(model, layer, q, mean, spread, normed)
    return Normed(normed, unit, spread, state)


def _folded(model: Model, layer: Layer, q: Bounded, mean: Bounded, spread: Bounded, normed: Bounded) -> Bounded:
    """Running statistics may be folded into W, whose entries round, and into a bias that starts the sum."""
    scale, bias = (np.abs(layer.params[f"query_norm.{name}"].astype(float)) for name in ("scale", "bias"))
    slope = scale / spread.value
    terms = model.step * q.size * slope + model.gamma(layer.config.d_model + 1) * (mean.reach * slope + bias)
    return Bounded(normed.value, normed.error + terms, (q.size + mean.reach) * slope + bias)


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
    return Bounded(moved.value, moved.error + difference)
