"""The activations σ and their derivatives (SPEC.md, ACT-1, GRD-6).

Every function computes in float64 and rounds the result to the dtype of its argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from peerspec.reference.gates import sigmoid

__all__ = ["activate", "activate_derivative"]

Function = Callable[[np.ndarray], np.ndarray]

_erfc: Function = np.vectorize(math.erfc, otypes=[np.float64])
_C = math.sqrt(2 / math.pi)
_CUBE = 0.044715


def activate(kind: str, a: np.ndarray) -> np.ndarray:
    """σ(a), elementwise; ``gelu`` is a·Φ(a) with the exact error function, not the tanh form (ACT-1).

    Example:
        >>> activate("relu", np.array([-1.0, 2.0]))
        array([0., 2.])
    """
    return _VALUE[kind](a.astype(np.float64)).astype(a.dtype)


def activate_derivative(kind: str, a: np.ndarray) -> np.ndarray:
    """σ′(a), elementwise; relu′(0) = 0 (GRD-6)."""
    return _DERIVATIVE[kind](a.astype(np.float64)).astype(a.dtype)


def _normal_cdf(a: np.ndarray) -> np.ndarray:
    return 0.5 * _erfc(-a / math.sqrt(2)) if a.size else a


def _normal_pdf(a: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)


def _tanh_of_cubic(a: np.ndarray) -> np.ndarray:
    return np.tanh(_C * (a + _CUBE * a**3))


def _gelu_tanh_derivative(a: np.ndarray) -> np.ndarray:
    t = _tanh_of_cubic(a)
    return 0.5 * (1 + t) + 0.5 * a * (1 - t * t) * _C * (1 + 3 * _CUBE * a * a)


def _silu_derivative(a: np.ndarray) -> np.ndarray:
    s = sigmoid(a)
    return s * (1 + a * (1 - s))


_VALUE: dict[str, Function] = {
    "relu": lambda a: np.maximum(a, 0),
    "gelu": lambda a: a * _normal_cdf(a),
    "gelu_tanh": lambda a: 0.5 * a * (1 + _tanh_of_cubic(a)),
    "silu": lambda a: a * sigmoid(a),
    "identity": lambda a: a,
}
_DERIVATIVE: dict[str, Function] = {
    "relu": lambda a: np.where(a > 0, 1.0, 0.0),
    "gelu": lambda a: _normal_cdf(a) + a * _normal_pdf(a),
    "gelu_tanh": _gelu_tanh_derivative,
    "silu": _silu_derivative,
    "identity": np.ones_like,
}
