"""Bounds of σ and σ′.

An error e of the argument changes σ by at most e·(|σ′(a)| + e·S), S the largest |σ″|, and by at most e·L, L the largest
|σ′|. Evaluation adds, in u, relative to |a|:

    gelu       ½·(16 erf + 1 its argument + 2 the sum) + 2 products               ≤ 12
    gelu_tanh  ½·(16 tanh + 3 its argument + 2 the sum) + 2 products              ≤ 13
    silu       16 logistic + 1 product                                            ≤ 17

A relative error r of the argument changes erf by at most 0.49 r and tanh by at most 0.45 r.
For σ′, absolute: gelu 10 (Φ) + 5 (a·φ) + 1. For silu and gelu_tanh see ``derivative_evaluation``: 1 − t² and 1 − s
cancel and are multiplied by |a|. These are budgets of a result: another formula must keep to them.
"""

from __future__ import annotations

import numpy as np

from peerspec.conformance.bounds.bounded import Array, Bounded
from peerspec.conformance.bounds.model import Model
from peerspec.reference.activations import activate, activate_derivative

__all__ = ["CURVATURE", "EVALUATION", "LIPSCHITZ", "activation_bounds", "derivative_bounds", "derivative_evaluation"]

LIPSCHITZ = {"relu": 1.0, "gelu": 1.1290, "gelu_tanh": 1.1290, "silu": 1.0999, "identity": 1.0}
"""The largest |σ′|, rounded up."""
CURVATURE = {"relu": np.inf, "gelu": 0.7979, "gelu_tanh": 0.7979, "silu": 0.5, "identity": 0.0}
"""The largest |σ″|, rounded up; relu has a kink."""
EVALUATION = {"relu": 0.0, "gelu": 12.0, "gelu_tanh": 13.0, "silu": 17.0, "identity": 0.0}
"""The error of evaluating σ(a), in u·|a|."""


def activation_bounds(model: Model, kind: str, a: Bounded) -> Bounded:
    """σ(a), elementwise."""
    value = activate(kind, a.value)
    lost = np.where(a.reach > 0, model.tiny, 0.0) if EVALUATION[kind] else 0.0
    evaluation = EVALUATION[kind] * model.step * a.reach + lost
    return Bounded(value, a.error * _slope(kind, a) + evaluation)


def derivative_bounds(model: Model, kind: str, a: Bounded) -> Bounded:
    """σ′(a), elementwise; for relu from 0 to 1 where the sign of a is not certain (GRD-6)."""
    value = activate_derivative(kind, a.value)
    if kind == "relu":
        uncertain = (np.abs(a.value) <= a.error) & (a.error > 0)
        return Bounded(np.where(uncertain, 0.5, value), np.where(uncertain, 0.5, 0.0))
    if kind == "identity":
        return Bounded(value, np.zeros_like(value))
    propagated = np.minimum(a.error * CURVATURE[kind], 2 * LIPSCHITZ[kind])
    return Bounded(value, propagated + model.step * derivative_evaluation(kind, a.reach) + model.tiny)


def _slope(kind: str, a: Bounded) -> Array:
    if kind == "relu":
        return np.where(a.value + a.error < 0, 0.0, 1.0)
    local = np.abs(activate_derivative(kind, a.value)) + a.error * CURVATURE[kind]
    return np.minimum(local, LIPSCHITZ[kind])


def derivative_evaluation(kind: str, a: Array) -> Array:
    """The error of evaluating σ′ at arguments of magnitude ``a``, in u."""
    if kind == "gelu":
        return np.full_like(a, 16.0)
    if kind == "silu":
        # s and 1 − s have an error of 17u each, and s + (1 − s) = 1
        return 21 + 18 * a
    # 1 − t² has an error of 2·(16 + 3)u and is multiplied by ½·√(2/π)·a·(1 + 0.1342 a²)
    return 16 + 16 * a * (1 + 0.1342 * a * a)
