"""Bounds of the gates, from scores known to an error.

softmax: write a_i = s_i − max s. Scores off by δ_i and arguments rounded at their own size change ln g_i by at most
δ_i′ + ln Σ g_j e^{δ_j′}, with δ_i′ = δ_i + 2·step·(|a_i| + δ_i + max δ): one subtraction, or two where log-softmax
subtracts ln Σ as well. On top come exp of numerator and sum, the sum itself, the division, and ln Σ ≤ ln k.

logistic function: |ln σ(s+δ) − ln σ(s)| ≤ |δ| and σ′ ≤ ¼.
"""

from __future__ import annotations

import numpy as np

from peerspec.conformance.judge.bounded import Bounded
from peerspec.conformance.judge.model import DIVIDE, EXP, FUNCTION, Model
from peerspec.reference.gates import sigmoid, softmax

__all__ = ["gate_bounds", "gate_derivative"]


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
    delta = scores.error + 2 * model.step * (a + scores.error + most)
    shift = delta + np.log((value * np.exp(delta)).sum(-1, keepdims=True))
    relative = model.step * (2 * EXP + DIVIDE + (FUNCTION + 1) * np.log(k)) + model.gamma(k)
    return Bounded(value, value * (np.expm1(shift) + np.exp(shift) * relative) + k * model.tiny)


def _sigmoid(model: Model, scores: Bounded) -> Bounded:
    value = sigmoid(scores.value)
    spread = np.minimum(scores.error / 4, value * np.expm1(np.minimum(scores.error, 700)))
    return Bounded(value, spread + FUNCTION * model.step + model.tiny)


def gate_derivative(model: Model, kind: str, gate: Bounded, dgate: Bounded) -> Bounded:
    """The gradient of the scores, from gates and their gradients [..., k] (GRD-1).

    softmax: g_i Σ_j g_j (dg_i − dg_j), or g_i (dg_i − Σ_j g_j dg_j), whose terms are bounded alike by magnitudes.
    """
    value, k = gate.value, gate.value.shape[-1]
    if kind == "sigmoid":
        slope = value * (1 - value)
        slope_error = gate.error * (1 + gate.error) + 3 * model.step * gate.reach
        spread = slope * dgate.error + slope_error * dgate.reach
        return Bounded(slope * dgate.value, spread + model.step * (slope + slope_error) * dgate.reach + model.tiny)
    if k == 1:
        return Bounded(np.zeros_like(value), np.zeros_like(value))  # exactly zero (GRD-5)
    mean = (value * dgate.value).sum(-1, keepdims=True)
    mean_reach = (gate.reach * dgate.reach).sum(-1, keepdims=True)
    mean_spread = (value * dgate.error + gate.error * dgate.reach).sum(-1, keepdims=True)
    inner = dgate.value - mean
    inner_spread = dgate.error + mean_spread + (model.gamma(k + 2) + model.step) * (dgate.reach + mean_reach)
    spread = value * inner_spread + gate.error * (np.abs(inner) + inner_spread)
    reach = gate.reach * (dgate.reach + mean_reach)
    return Bounded(value * inner, spread + 2 * model.step * reach + k * model.tiny)
