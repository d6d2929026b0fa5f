"""The query norm with its bounds (chapter 5).

q·a + (b − mean·a), with a = scale/√(var + ε), is as legal as scale·(q − mean)/√(var + ε) + b, and rounds at the size
of q and of the mean. So does a derivative through E q² − q̄².
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from peerspec.conformance.bounds.bounded import Array, Bounded, given
from peerspec.conformance.bounds.model import DIVIDE, Model
from peerspec.conformance.bounds.operations import add, divide, multiply, root, sum_over
from peerspec.reference import Layer
from peerspec.reference.query_norm import EPS, MOMENTUM

__all__ = ["Normed", "constant", "moments", "query_normed", "updated"]


@dataclass(frozen=True, eq=False)
class Normed:
    """The query after its norm, and intermediate results.

    ``unit`` (before scale and bias) and ``std`` (√(var + ε)) are None without a norm, ``state`` without training.
    """

    q: Bounded
    unit: Bounded | None = None
    std: Bounded | None = None
    state: dict[str, Bounded] | None = None


def query_normed(model: Model, layer: Layer, q: Bounded, mask: Array, *, training: bool) -> Normed:
    """The norm of chapter 5, from queries [T, h, d]."""
    kind = layer.config.query_norm
    if kind == "none":
        return Normed(q)
    mean, var, state = _statistics(model, layer, q, mask, training=training)
    std = root(model, add(model, var, constant(model, EPS)))
    unit = divide(model, add(model, q, Bounded(-mean.value, mean.error)), std)
    unit = Bounded(unit.value, unit.error + 3 * model.step * (q.reach + mean.reach) / std.value)
    scale, bias = (given(layer.params[f"query_norm.{name}"]) for name in ("scale", "bias"))
    normed = add(model, multiply(model, unit, scale), bias)
    normed = Bounded(normed.value, normed.error + 2 * model.step * bias.reach)
    if kind == "batch" and not training:
        normed = _folded(model, layer, q, mean, std, normed)
    return Normed(normed, unit, std, state)


def _statistics(
    model: Model, layer: Layer, q: Bounded, mask: Array, *, training: bool
) -> tuple[Bounded, Bounded, dict[str, Bounded] | None]:
    """Mean and variance by which queries are normalised, and the new running statistics of a batch in training."""
    if layer.config.query_norm == "layer":
        return *moments(model, q, -1), None
    running = {name: layer.params[f"query_norm.{name}"] for name in ("mean", "var")}
    if not training:
        return given(running["mean"]), given(running["var"]), None
    mean, var = moments(model, q[mask], 0)
    shape = q.value.shape[1:]
    state = {
        f"query_norm.{name}": updated(model, running[name], batch.reshape(*shape))
        for name, batch in (("mean", mean), ("var", var))
    }
    return mean, var, state


def _folded(model: Model, layer: Layer, q: Bounded, mean: Bounded, std: Bounded, normed: Bounded) -> Bounded:
    """Running statistics may be folded into W, whose entries then round, and into a bias that is the first term."""
    scale, bias = (np.abs(layer.params[f"query_norm.{name}"].astype(float)) for name in ("scale", "bias"))
    slope = scale / std.value
    terms = model.step * q.size * slope + model.tau(layer.config.d_model + 1) * (mean.reach * slope + bias)
    return Bounded(normed.value, normed.error + terms, (q.size + mean.reach) * slope + bias)


def moments(model: Model, q: Bounded, axis: int) -> tuple[Bounded, Bounded]:
    """Mean and biased variance; 1/m may multiply each term or their sum.

    One pass, E q² − (E q)², is legal, so the rounding of the variance is that of E q²: m + 8 roundings in E q², twice
    as many and one in the square of the mean, one in the difference.
    """
    count = given(np.array(float(q.value.shape[axis])))
    mean = divide(model, sum_over(model, q, axis, keepdims=True), count)
    each = DIVIDE * model.step * q.reach.mean(axis, keepdims=True)
    mean = Bounded(mean.value, mean.error + each)
    value = q.value.var(axis, keepdims=True)
    power = (q.reach**2).mean(axis, keepdims=True)
    centred = np.abs(q.value - mean.value)
    propagated = (2 * centred * q.error + q.error**2).mean(axis, keepdims=True) + mean.error**2
    rounding = (3 * model.gamma(q.value.shape[axis] + 2) + 20 * model.step) * power
    return mean, Bounded(value, propagated + rounding + 4 * model.tiny)


def constant(model: Model, value: float, roundings: float = 1.0) -> Bounded:
    """A number that no dtype holds exactly; its relative error is ``roundings`` times u."""
    return given(np.array(value), roundings * model.step * abs(value))


def updated(model: Model, running: Array, batch: Bounded) -> Bounded:
    """0.9·old + 0.1·new, or old + 0.1·(new − old), whose difference and product round at a tenth of both."""
    old = multiply(model, constant(model, 1 - MOMENTUM), given(running))
    new = multiply(model, constant(model, MOMENTUM), batch)
    moved = add(model, old, new)
    difference = 3 * MOMENTUM * model.step * (batch.reach + np.abs(running))
    return Bounded(moved.value, moved.error + difference)
