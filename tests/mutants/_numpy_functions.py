"""Functions in the dtype of their arguments, from which backends are made."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "erf", "logistic", "selection_among", "stable_topk", "take", "tf32"]

Array = NDArray[Any]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def erf(a: Array) -> Array:
    """The error function, rounded to the dtype of ``a``."""
    return _erf(a).astype(a.dtype) if a.size else a


def logistic(a: Array) -> Array:
    small = np.exp(-np.abs(a))
    return np.where(a >= 0, 1, small) / (1 + small)


def stable_topk(scores: Array, k: int) -> Array:
    """Positions of the k largest along the last axis, equal values by lower position."""
    return np.argsort(-scores, -1, kind="stable")[..., :k]


def take(array: Array, at: Array) -> Array:
    """The entries at positions ``at`` along the last axis."""
    return np.take_along_axis(array, at, -1)


def selection_among(s1: Array, s2: Array, k: int, first: Array, second: Array) -> tuple[Array, Array]:
    """Scores and ids of the k best experts whose sub-keys are in ``first`` and ``second``."""
    n = s1.shape[-1]
    ids = (first[..., :, None] * n + second[..., None, :]).reshape(*s1.shape[:-1], first.shape[-1] * second.shape[-1])
    total = take(s1, ids // n) + take(s2, ids % n)
    cells = stable_topk(total, k)
    return take(total, cells), take(ids, cells)


def tf32(a: Array) -> Array:
    """Rounded to 11 significant bits, as the operands of TF32 products."""
    mantissa, exponent = np.frexp(a)
    return np.ldexp(np.rint(np.ldexp(mantissa, 11)), exponent - 11).astype(a.dtype)
