"""Bounds of the gates, from scores with a known error.

softmax: let a_i = s_i − max s. Errors δ_i of the scores, and the rounding of arguments at their own size, change ln g_i
by at most δ_i′ + ln Σ g_j e^{δ_j′}, with δ_i′ = δ_i + 4·step·(|a_i| + δ_i + max δ). The four roundings are a
subtraction, another subtraction where log-softmax subtracts ln Σ, and for exp2 the product with log₂e and the rounding
of that constant. Further errors are: exp of numerator and sum; the sum itself; the division; ln Σ ≤ ln k, which passes
the same roundings; and the rescaling of the sum by a backend that passes once over the scores. In such a pass at most
j − 1 larger scores follow the j-th largest, and each rescales the sum by an exp and a product.

logistic function: |ln σ(s+δ) − ln σ(s)| ≤ |δ| and σ′ ≤ ¼.
"""

from __future__ import annotations

import numpy as np

from peerspec.conformance.bounds.bounded import Array, Bounded, given
from peerspec.conformance.bounds.model import DIVIDE, EXP, FUNCTION, LOG, Model
from peerspec.conformance.bounds.operations import multiply
from peerspec.reference.gates import sigmoid, softmax

__all__ = ["gate_bounds", "gate_derivative"]

_FAR = 100.0
"""With a larger error of a score, a gate may have any value."""


def gate_bounds(model: Model, kind: str, scores: Bounded) -> Bounded:
    """Gates [..., k] of the given kind, from scores [..., k]."""
    return _softmax(model, scores) if kind == "softmax" else _sigmoid(model, scores)


def _softmax(model: Model, scores: Bounded) -> Bounded:
    value = softmax(scores.value)
    k = value.shape[-1]
    if k == 1:
        return Bounded(value, np.zeros_like(value))
    a = np.abs(scores.value - scores.value.max(-1, keepdims=True))
    most = scores.error.max(-1, keepdims=True)
    delta = np.minimum(scores.error + 4 * model.step * (a + scores.error + most), _FAR)
    shift = delta + np.log((value * np.exp(delta)).sum(-1, keepdims=True))
    rescaled = -np.sort(-value, -1) @ np.arange(k)
    evaluation = 2 * EXP + DIVIDE + (LOG + 3) * np.log(k) + (EXP + 1) * rescaled[..., None]
    relative = model.step * evaluation + model.gamma(k)
    error = value * (np.expm1(shift) + np.exp(shift) * relative) + k * model.tiny
    known = delta.max(-1, keepdims=True) < _FAR  # otherwise only g ≤ 1 is known
    return Bounded(value, np.where(known, np.minimum(error, 1 + relative), 1 + relative))


def _sigmoid(model: Model, scores: Bounded) -> Bounded:
    value = sigmoid(scores.value)
    propagated = np.minimum(scores.error / 4, value * np.expm1(np.minimum(scores.error, 700)))
    return Bounded(value, propagated + FUNCTION * model.step + model.tiny)


def gate_derivative(model: Model, kind: str, gate: Bounded, dgate: Bounded) -> Bounded:
    """The gradient of the scores, from gates and their gradients [..., k] (GRD-1)."""
    if kind == "softmax":
        return _softmax_derivative(model, gate, dgate)
    slope = gate.value * (1 - gate.value)
    slope_error = gate.error * (1 + gate.error) + 3 * model.step * gate.reach
    return multiply(model, Bounded(slope, slope_error), dgate)


def _softmax_derivative(model: Model, gate: Bounded, dgate: Bounded) -> Bounded:
    """g_i (dg_i − Σ_j g_j dg_j), or g_i Σ_j g_j (dg_i − dg_j), where computed gates sum to 1 only approximately.

    Both are bounded by the magnitudes of their terms.
    """
    value, k = gate.value, gate.value.shape[-1]
    if k == 1:
        return given(np.zeros_like(value))  # exactly zero (GRD-5)
    mean = (value * dgate.value).sum(-1, keepdims=True)
    mean_error = (value * dgate.error + gate.error * dgate.reach).sum(-1, keepdims=True)
    terms = dgate.reach + (gate.reach * dgate.reach).sum(-1, keepdims=True)
    centred = dgate.value - mean
    error = dgate.error + mean_error + (model.gamma(k + 2) + model.step) * terms
    error = error + _off_one(model, value) * dgate.reach
    propagated = value * error + gate.error * (np.abs(centred) + error)
    lost = np.where(terms > 0, k * model.tiny, 0.0)
    return Bounded(value * centred, propagated + 2 * model.step * (gate.reach * terms) + lost)


def _off_one(model: Model, value: Array) -> Array:
    """The largest distance of the sum of computed gates from 1, whatever the scores."""
    scores = np.log(np.maximum(value, np.finfo(float).tiny))
    return np.asarray(_softmax(model, given(scores)).error.sum(-1, keepdims=True))
