"""Activations and their derivatives, in the dtype of their argument."""

from math import erf, pi, sqrt

import numpy as np

_erf = np.vectorize(erf, otypes=[np.float64])
BEND = 0.044715


def logistic(a):
    small = np.exp(-np.abs(a))
    return np.where(a >= 0, 1, small) / (1 + small)


def normal(a):
    """Φ(a)."""
    return ((1 + _erf(a * sqrt(0.5))) * 0.5).astype(a.dtype)


def cubic_tanh(a):
    return np.tanh(a.dtype.type(sqrt(2 / pi)) * (a + a.dtype.type(BEND) * a * a * a))


def activate(kind, a):
    if kind == "relu":
        return np.maximum(a, 0)
    if kind == "gelu":
        return a * normal(a)
    if kind == "gelu_tanh":
        return a.dtype.type(0.5) * a * (1 + cubic_tanh(a))
    return a * logistic(a) if kind == "silu" else a


def slope(kind, a):
    one = a.dtype.type
    if kind == "relu":
        return (a > 0).astype(a.dtype)
    if kind == "gelu":
        return normal(a) + a * np.exp(one(-0.5) * a * a) * one(1 / sqrt(2 * pi))
    if kind == "gelu_tanh":
        t = cubic_tanh(a)
        bend = one(sqrt(2 / pi)) * (1 + one(3 * BEND) * a * a)
        return one(0.5) * (1 + t) + one(0.5) * a * (1 - t * t) * bend
    if kind == "silu":
        s = logistic(a)
        return s * (1 + a * (1 - s))
    return np.ones_like(a)
