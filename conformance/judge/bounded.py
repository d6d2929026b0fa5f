"""Running error analysis: a value in float64 together with how far a legal backend may be from it.

Each operation here computes the exact formula on the values and, beside it, the error that operands and one legal
rounding can cause: the standard model fl(a∘b) = (a∘b)(1+δ) + η with |δ| ≤ u and |η| ≤ tiny. No number is chosen here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.conformance.judge.model import DIVIDE, Model

__all__ = ["Bounded", "add", "contract", "divide", "given", "multiply", "root", "scatter", "take", "total"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Bounded:
    """value ± error, both float64 of one shape; error is 0 where a legal backend has no freedom."""

    value: Array
    error: Array

    def __getitem__(self, key: Any) -> Bounded:
        return Bounded(self.value[key], self.error[key])

    def reshape(self, *shape: int) -> Bounded:
        """Both parts reshaped."""
        return Bounded(self.value.reshape(shape), self.error.reshape(shape))

    @property
    def reach(self) -> Array:
        """The largest magnitude a legal backend may hold."""
        return np.asarray(np.abs(self.value) + self.error)


def given(value: Array, error: Array | float = 0.0) -> Bounded:
    """A value all backends share, or one known to ``error``."""
    value = np.asarray(value, np.float64)
    return Bounded(value, np.broadcast_to(np.asarray(error, np.float64), value.shape))


def contract(model: Model, spec: str, a: Bounded, b: Bounded, terms: int) -> Bounded:
    """An einsum of two operands over ``terms`` products: any order, fused or not."""
    value = np.einsum(spec, a.value, b.value, optimize=True)
    reach = np.einsum(spec, a.reach, b.reach, optimize=True)
    spread = np.zeros_like(value)
    if b.error.any():
        spread = spread + np.einsum(spec, np.abs(a.value), b.error, optimize=True)
    if a.error.any():
        spread = spread + np.einsum(spec, a.error, b.reach, optimize=True)
    return Bounded(value, spread + model.gamma(terms) * reach + terms * model.tiny)


def add(model: Model, a: Bounded, b: Bounded) -> Bounded:
    """a + b, rounded once."""
    value = a.value + b.value
    spread = a.error + b.error
    return Bounded(value, spread + model.step * (np.abs(value) + spread) + model.tiny)


def multiply(model: Model, a: Bounded, b: Bounded) -> Bounded:
    """a·b, rounded once."""
    spread = np.abs(a.value) * b.error + a.error * b.reach
    return Bounded(a.value * b.value, spread + model.step * a.reach * b.reach + model.tiny)


def divide(model: Model, a: Bounded, b: Bounded) -> Bounded:
    """a/b for b whose error leaves it away from zero."""
    value = a.value / b.value
    least = np.maximum(np.abs(b.value) - b.error, np.finfo(float).tiny)
    spread = (a.error + np.abs(value) * b.error) / least
    return Bounded(value, spread + DIVIDE * model.step * (np.abs(value) + spread) + model.tiny)


def root(model: Model, a: Bounded) -> Bounded:
    """√a for positive a: √ is concave, so the error is largest towards zero."""
    value = np.sqrt(a.value)
    spread = value - np.sqrt(np.maximum(a.value - a.error, 0))
    return Bounded(value, spread + DIVIDE * model.step * (value + spread) + model.tiny)


def total(model: Model, a: Bounded, axis: int | tuple[int, ...], *, keepdims: bool = False) -> Bounded:
    """The sum over ``axis``, in any order."""
    axes = (axis,) if isinstance(axis, int) else axis
    terms = int(np.prod([a.value.shape[i] for i in axes]))
    reach = a.reach.sum(axes, keepdims=keepdims)
    spread = a.error.sum(axes, keepdims=keepdims)
    return Bounded(a.value.sum(axes, keepdims=keepdims), spread + model.gamma(terms) * reach + terms * model.tiny)


def take(a: Bounded, indices: Array) -> Bounded:
    """Entries along the last axis."""
    return Bounded(*(np.take_along_axis(part, indices, -1) for part in (a.value, a.error)))


def scatter(model: Model, shape: tuple[int, ...], where: Any, a: Bounded) -> Bounded:
    """Sums of the entries that share a place; a place without entries is exactly zero (GRD-2, GRD-3)."""
    value, spread, reach, count = np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for out, entries in (
        (value, a.value),
        (spread, a.error),
        (reach, a.reach),
        (count, np.ones(a.value.shape)),
    ):
        np.add.at(out, where, entries)
    most = int(count.max(initial=0))
    return Bounded(value, spread + model.gamma(most) * reach + count * model.tiny)
