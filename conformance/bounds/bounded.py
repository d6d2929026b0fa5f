"""Running error analysis: a value in float64 together with how far a legal backend may be from it.

Each operation here computes the exact formula on the values and, beside it, the error that operands and one legal
rounding can cause: the standard model fl(a∘b) = (a∘b)(1+δ) + η with |δ| ≤ u and |η| ≤ tiny. Nothing underflows where
operands are exactly zero: the error is zero there. No number is chosen here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.conformance.bounds.model import DIVIDE, Model

__all__ = [
    "Bounded",
    "add",
    "contract",
    "divide",
    "given",
    "multiply",
    "returned",
    "root",
    "scatter_sum",
    "take",
    "together",
    "total",
]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Bounded:
    """value ± error, both float64 of one shape; error is 0 where a legal backend has no freedom.

    ``terms`` is what the magnitudes of the terms of a sum add up to, kept where a legal backend may multiply each term,
    and not their sum, by what follows; it is the reach where None.
    """

    value: Array
    error: Array
    terms: Array | None = None

    def __getitem__(self, key: Any) -> Bounded:
        return Bounded(self.value[key], self.error[key], None if self.terms is None else self.terms[key])

    def reshape(self, *shape: int) -> Bounded:
        """Both parts reshaped."""
        return Bounded(self.value.reshape(shape), self.error.reshape(shape))

    @property
    def reach(self) -> Array:
        """The largest magnitude a legal backend may hold."""
        return np.asarray(np.abs(self.value) + self.error)

    @property
    def size(self) -> Array:
        """The sum of the magnitudes of its terms, the reach of what is no sum."""
        return self.reach if self.terms is None else np.maximum(self.terms, self.reach)


def given(value: Array, error: Array | float = 0.0) -> Bounded:
    """A value all backends share, or one known to ``error``."""
    value = np.asarray(value, np.float64)
    return Bounded(value, np.broadcast_to(np.asarray(error, np.float64), value.shape))


def contract(model: Model, spec: str, a: Bounded, b: Bounded, terms: int) -> Bounded:
    """An einsum of two operands, part of a sum of ``terms`` products: any order, fused or not."""
    value = np.einsum(spec, a.value, b.value, optimize=True)
    size = np.einsum(spec, a.size, b.size, optimize=True)
    spread = np.zeros_like(value)
    if b.error.any():
        spread = spread + np.einsum(spec, np.abs(a.value), b.error, optimize=True)
    if a.error.any():
        spread = spread + np.einsum(spec, a.error, b.reach, optimize=True)
    return Bounded(value, spread + model.gamma(terms) * size + _underflow(model, size, terms), size)


def together(*parts: Bounded) -> Bounded:
    """Parts of one sum, each bounded as such."""
    value, error, size = (sum(getattr(part, name) for part in parts) for name in ("value", "error", "size"))
    return Bounded(value, error, size)


def add(model: Model, a: Bounded, b: Bounded) -> Bounded:
    """a + b, rounded once."""
    value = a.value + b.value
    spread = a.error + b.error
    lost = _underflow(model, a.reach + b.reach)
    return Bounded(value, spread + model.step * (np.abs(value) + spread) + lost)


def multiply(model: Model, a: Bounded, b: Bounded) -> Bounded:
    """a·b, rounded once."""
    spread = np.abs(a.value) * b.error + a.error * b.reach
    reach = a.reach * b.reach
    return Bounded(a.value * b.value, spread + model.step * reach + _underflow(model, reach))


def divide(model: Model, a: Bounded, b: Bounded) -> Bounded:
    """a/b for b whose error leaves it away from zero."""
    value = a.value / b.value
    least = np.maximum(np.abs(b.value) - b.error, np.finfo(float).tiny)
    spread = (a.error + np.abs(value) * b.error) / least
    return Bounded(value, spread + DIVIDE * model.step * (np.abs(value) + spread) + _underflow(model, a.reach))


def root(model: Model, a: Bounded) -> Bounded:
    """√a for a that is not negative: √ is concave, so the error is largest towards zero."""
    value = np.sqrt(a.value)
    spread = value - np.sqrt(np.maximum(a.value - a.error, 0))
    return Bounded(value, spread + DIVIDE * model.step * (value + spread) + _underflow(model, a.reach))


def total(model: Model, a: Bounded, axis: int | tuple[int, ...], *, keepdims: bool = False) -> Bounded:
    """The sum over ``axis``, in any order, a factor of all terms taken into it or out of it."""
    axes = (axis,) if isinstance(axis, int) else axis
    terms = int(np.prod([a.value.shape[i] for i in axes]))
    reach = a.reach.sum(axes, keepdims=keepdims)
    spread = a.error.sum(axes, keepdims=keepdims)
    error = spread + model.gamma(terms) * reach + _underflow(model, reach, terms)
    return Bounded(a.value.sum(axes, keepdims=keepdims), error)


def take(a: Bounded, indices: Array) -> Bounded:
    """Entries along the last axis."""
    return Bounded(*(np.take_along_axis(part, indices, -1) for part in (a.value, a.error)))


def scatter_sum(model: Model, shape: tuple[int, ...], where: Any, a: Bounded) -> Bounded:
    """Sums of the entries that share a place; a place without entries is exactly zero (GRD-2, GRD-3)."""
    value, spread, reach, count = np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for out, entries in (
        (value, a.value),
        (spread, a.error),
        (reach, a.reach),
        (count, np.ones(a.value.shape)),
    ):
        np.add.at(out, where, entries)
    additions = np.maximum(count - 1, 0)
    return Bounded(value, spread + model.gamma(additions) * reach + _underflow(model, reach, count))


def returned(model: Model, a: Bounded) -> Bounded:
    """Rounded once to the input dtype (PRC-1); what may overflow there is unspecified (NFT-1)."""
    underflow = np.where((np.abs(a.value) - a.error < model.tiny_in) & (a.reach > 0), model.tiny_in, 0.0)
    error = a.error + model.u_in * a.reach + underflow
    return Bounded(a.value, np.where(np.abs(a.value) + error > model.largest_in, np.inf, error))


def _underflow(model: Model, reach: Array, operations: Array | int = 1) -> Array:
    """What underflow may cost; nothing where all operands are exactly zero."""
    return np.where(reach > 0, operations * model.tiny, 0.0)
