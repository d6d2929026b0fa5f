"""Bounds of the gates, from scores with a known error.

softmax: let a_i = s_i − max s. Errors δ_i of the scores, and the rounding of arguments at their own size, change ln g_i
by at most δ_i′ + ln Σ g_j e^{δ_j′}, with δ_i′ = δ_i + 4.5·step·(|a_i| + δ_i + max δ) + step·(|s_i| + δ_i). The last
term is there because scores may be multiplied by log₂e first. A backend that subtracts ln Σ e^s, rounded once, loses up
to step·|ln Σ e^s| more in all gates of a head; see ``_log_sum``. Further errors are: exp of numerator and sum; the sum
itself; the division; ln Σ e^a, which passes the same roundings; and the rescaling of the sum by a backend that passes
once over the scores. In such a pass at most j − 1 larger scores follow the j-th largest, and each rescales the sum by
an exp and a product. Terms of y may be rescaled with the sum.

logistic function: |ln σ(s+δ) − ln σ(s)| ≤ |δ| and σ′ ≤ ¼.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from peerspec.conformance.bounds.bounded import Array, Bounded, given
from peerspec.conformance.bounds.model import DIVIDE, EXP, FUNCTION, LOG, Model
from peerspec.conformance.bounds.operations import multiply
from peerspec.reference.gates import sigmoid, softmax

__all__ = ["gate_bounds", "gate_derivative", "gates_of_y", "gates_of_y_beside"]

ARGUMENT = 4.5
"""The roundings of the argument of exp: two subtractions, two products in base 2, and the constants log₂e and ln 2."""
_FAR = 100.0
"""With a larger error of a score, a gate may have any value."""


class _Errors(NamedTuple):
    """Largest errors of softmax: of ln g before the roundings of evaluation [..., k], and of those, relative [..., 1].

    ``known`` [..., 1] is False where only g ≤ 1 is known.
    """

    shift: Array
    evaluation: Array
    known: Array

    @property
    def relative(self) -> Array:
        """The largest relative error of a gate, [..., k]."""
        return np.asarray(np.expm1(self.shift) + np.exp(self.shift) * self.evaluation)

    def limited(self, error: Array) -> Array:
        """``error``, or what keeps a gate between 0 and 1 + evaluation."""
        most = 1 + self.evaluation
        return np.where(self.known, np.minimum(error, most), most)


def gate_bounds(model: Model, kind: str, scores: Bounded) -> Bounded:
    """Gates [..., k] of the given kind, from scores [..., k]."""
    return _softmax(model, scores) if kind == "softmax" else _sigmoid(model, scores)


def gates_of_y(model: Model, kind: str, scores: Bounded) -> Bounded:
    """The factors in y that stand for gates: of softmax, e^a of a term may be rescaled, and a head's sum divided."""
    gate = gate_bounds(model, kind, scores)
    if kind == "sigmoid":
        return gate
    return Bounded(gate.value, gate.error + _rescaled(model, gate.value))


LARGEST_EXPONENT = 700.0
"""e to this power is finite in float64; an error so large is limited anyway."""


def gates_of_y_beside(model: Model, kind: str, returned: Array, scores: Array) -> Bounded:
    """The same, beside the gates that a backend returned; both are evaluations of the same scores."""
    if kind == "sigmoid":
        return given(returned, model.u * np.abs(returned))
    if returned.shape[-1] == 1:
        return given(returned)
    errors, gate = _errors(model, given(scores)), np.abs(returned)
    exponent = 2 * (errors.shift + errors.evaluation * (1 + errors.evaluation))
    apart = gate * np.expm1(np.minimum(exponent, LARGEST_EXPONENT))
    error = errors.limited(apart + 2 * returned.shape[-1] * model.tiny)
    return given(returned, error + _rescaled(model, gate))


def _softmax(model: Model, scores: Bounded) -> Bounded:
    value = softmax(scores.value)
    k = value.shape[-1]
    if k == 1:
        return Bounded(value, np.zeros_like(value))
    errors = _errors(model, scores)
    return Bounded(value, errors.limited(value * errors.relative + k * model.tiny))


def _errors(model: Model, scores: Bounded) -> _Errors:
    """The errors of softmax [..., k] by any of its legal ways."""
    value, size = softmax(scores.value), scores.reach
    a = np.abs(scores.value - scores.value.max(-1, keepdims=True))
    most = scores.error.max(-1, keepdims=True)
    arguments = ARGUMENT * (a + scores.error + most) + size
    delta = np.minimum(scores.error + model.step * arguments, _FAR)
    worst = delta.max(-1, keepdims=True)
    log_sum = -np.log(value.max(-1, keepdims=True)) + 2 * worst
    shift = delta + np.log((value * np.exp(delta)).sum(-1, keepdims=True))
    shift = shift + _log_sum(model, size.max(-1, keepdims=True), log_sum)
    rescaled = -np.sort(-value, -1) @ np.arange(value.shape[-1])
    constants = 2 * EXP + DIVIDE + (LOG + 4) * log_sum + (EXP + 1) * rescaled[..., None]
    return _Errors(shift, model.step * constants + model.gamma(value.shape[-1]), worst < _FAR)


def _log_sum(model: Model, size: Array, log_sum: Array) -> Array:
    """The rounding of max s + ln Σ e^a at the size of max s; no more than ln Σ e^a, because max s is not rounded."""
    return np.minimum(model.step * size, log_sum)


def _rescaled(model: Model, gate: Array) -> Array:
    """The error of rescaling e^a whenever the maximum grows: at most k − 1 times, and 1/g − 1 larger scores exist."""
    return np.asarray((EXP + 1) * model.step * np.minimum(gate * (gate.shape[-1] - 1), np.maximum(1 - gate, 0)))


def _sigmoid(model: Model, scores: Bounded) -> Bounded:
    value = sigmoid(scores.value)
    propagated = np.minimum(scores.error / 4, value * np.expm1(np.minimum(scores.error, 700)))
    return Bounded(value, propagated + FUNCTION * model.step + model.tiny)


def gate_derivative(model: Model, kind: str, scores: Bounded, gate: Bounded, dgate: Bounded) -> Bounded:
    """The gradient of the scores, from scores, gates and the gradients of gates [..., k] (GRD-1)."""
    if kind == "softmax":
        return _softmax_derivative(model, scores, gate, dgate)
    slope = gate.value * (1 - gate.value)
    slope_error = gate.error * (1 + gate.error) + 3 * model.step * gate.reach
    return multiply(model, Bounded(slope, slope_error), dgate)


def _softmax_derivative(model: Model, scores: Bounded, gate: Bounded, dgate: Bounded) -> Bounded:
    """g_i (dg_i − Σ_j g_j dg_j), or g_i Σ_j g_j (dg_i − dg_j), where computed gates sum to 1 only approximately.

    Both are bounded by the magnitudes of their terms; Σ_j g_j dg_j may be dy times the head's part of y.
    """
    value, k = gate.value, gate.value.shape[-1]
    if k == 1:
        return given(np.zeros_like(value))  # exactly zero (GRD-5)
    mean = (value * dgate.value).sum(-1, keepdims=True)
    gate_of_y = gate.error + _rescaled(model, value)
    mean_error = (value * dgate.error + gate_of_y * dgate.reach).sum(-1, keepdims=True)
    terms = dgate.reach + (gate.reach * dgate.reach).sum(-1, keepdims=True)
    centred = dgate.value - mean
    error = dgate.error + mean_error + (model.gamma(k + 2) + model.step) * terms
    error = error + _off_one(model, scores, value) * dgate.reach
    propagated = value * error + gate.error * (np.abs(centred) + error)
    lost = np.where(terms > 0, k * model.tiny, 0.0)
    error = propagated + 2 * model.step * (gate.reach * terms) + lost
    return Bounded(value * centred, error + _through_the_maximum(model, scores, gate, dgate))


def _through_the_maximum(model: Model, scores: Bounded, gate: Bounded, dgate: Bounded) -> Array:
    """Automatic differentiation may add Σ ds_j, exactly zero, to the gradient of the maximum.

    Errors of gates and of their gradients cancel in this sum; its own roundings do not. They are those of the sums of
    e^a, of e^a·dg and of ds, whose terms are twice as large; two divisions by Σ e^a of one term of ds, and one of the
    other; five products and differences.
    """
    low, high = scores.value - scores.error, scores.value + scores.error
    size = (gate.reach * dgate.reach).sum(-1, keepdims=True)
    rounding = 4 * model.gamma(scores.value.shape[-1]) + (3 * DIVIDE + 5) * model.step
    return np.where(high >= low.max(-1, keepdims=True), rounding * size, 0.0)


def _off_one(model: Model, scores: Bounded, value: Array) -> Array:
    """The largest distance of the sum of computed gates from 1; errors of the scores do not move it."""
    return np.asarray((value * _errors(model, given(scores.value)).relative).sum(-1, keepdims=True))
