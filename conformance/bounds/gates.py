"""Bounds of the gates, from scores known to an error.

softmax: write a_i = s_i − max s. Scores off by δ_i and arguments rounded at their own size change ln g_i by at most
δ_i′ + ln Σ g_j e^{δ_j′}, with δ_i′ = δ_i + 4·step·(|a_i| + δ_i + max δ): a subtraction, another where log-softmax
subtracts ln Σ, and for exp2 the product with log₂e and the rounding of that constant. On top come exp of numerator and
sum, the sum itself, the division, ln Σ ≤ ln k, which passes the same roundings, and the rescaling of a sum by one pass
over the scores: the j-th largest enters it before at most j − 1 larger ones, each of which rescales by exp and a
product.

logistic function: |ln σ(s+δ) − ln σ(s)| ≤ |δ| and σ′ ≤ ¼.
"""

from __future__ import annotations

import numpy as np

from peerspec.conformance.bounds.bounded import Array, Bounded, given, multiply
from peerspec.conformance.bounds.model import DIVIDE, EXP, FUNCTION, LOG, Model
from peerspec.reference.gates import sigmoid, softmax

__all__ = ["gate_bounds", "gate_derivative"]


_FAR = 100.0
"""An error of a score beyond which nothing is known of a gate."""


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
    known = delta.max(-1, keepdims=True) < _FAR  # otherwise no more than that a gate is no larger than 1
    return Bounded(value, np.where(known, np.minimum(error, 1 + relative), 1 + relative))


def _sigmoid(model: Model, scores: Bounded) -> Bounded:
    value = sigmoid(scores.value)
    spread = np.minimum(scores.error / 4, value * np.expm1(np.minimum(scores.error, 700)))
    return Bounded(value, spread + FUNCTION * model.step + model.tiny)


def gate_derivative(model: Model, kind: str, gate: Bounded, dgate: Bounded) -> Bounded:
    """The gradient of the scores, from gates and their gradients [..., k] (GRD-1).

    softmax: g_i (dg_i − Σ_j g_j dg_j), or g_i Σ_j g_j (dg_i − dg_j), where gates as computed sum to 1 only nearly;
    both are bounded by the magnitudes of their terms.
    """
    value, k = gate.value, gate.value.shape[-1]
    if kind == "sigmoid":
        slope = value * (1 - value)
        slope_error = gate.error * (1 + gate.error) + 3 * model.step * gate.reach
        return multiply(model, Bounded(slope, slope_error), dgate)
    if k == 1:
        return given(np.zeros_like(value))  # exactly zero (GRD-5)
    mean = (value * dgate.value).sum(-1, keepdims=True)
    mean_reach = (gate.reach * dgate.reach).sum(-1, keepdims=True)
    mean_spread = (value * dgate.error + gate.error * dgate.reach).sum(-1, keepdims=True)
    inner = dgate.value - mean
    inner_spread = dgate.error + mean_spread + (model.gamma(k + 2) + model.step) * (dgate.reach + mean_reach)
    inner_spread = inner_spread + _off_one(model, value) * dgate.reach
    spread = value * inner_spread + gate.error * (np.abs(inner) + inner_spread)
    reach = gate.reach * (dgate.reach + mean_reach)
    lost = np.where(dgate.reach + mean_reach > 0, k * model.tiny, 0.0)
    return Bounded(value * inner, spread + 2 * model.step * reach + lost)


def _off_one(model: Model, value: Array) -> Array:
    """How far the sum of gates, computed from whatever scores, may be from 1."""
    scores = np.log(np.maximum(value, np.finfo(float).tiny))
    return np.asarray(_softmax(model, given(scores)).error.sum(-1, keepdims=True))
