"""Operations of running error analysis.

Each computes the exact formula on the values, and the largest error from the errors of the operands and from one legal
rounding. The standard model is fl(a∘b) = (a∘b)(1+δ) + η with |δ| ≤ u and |η| ≤ tiny. An operation on exact zeros has no
error. No constant is chosen here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from peerspec.conformance.bounds.bounded import Array, Bounded
from peerspec.conformance.bounds.model import DIVIDE, Model

__all__ = [
    "add",
    "contract",
    "divide",
    "multiply",
    "one_sum",
    "returned",
    "root",
    "scatter_sum",
    "sum_over",
    "take",
]


def contract(model: Model, equation: str, a: Bounded, b: Bounded, terms: int) -> Bounded:
    """An einsum of two operands, part of a sum of ``terms`` products in any order, fused, in parts or not."""
    value = np.einsum(equation, a.value, b.value, optimize=True)
    size = np.einsum(equation, a.size, b.size, optimize=True)
    propagated = np.zeros_like(value)
    if b.error.any():
        propagated = propagated + np.einsum(equation, np.abs(a.value), b.error, optimize=True)
    if a.error.any():
        propagated = propagated + np.einsum(equation, a.error, b.reach, optimize=True)
    return Bounded(value, propagated + model.product(terms) * size + _underflow(model, size, terms), size)


def one_sum(*parts: Bounded) -> Bounded:
    """The sum of parts that ``contract`` or a caller bounded as parts of one sum."""
    value, error, size = (sum(getattr(part, name) for part in parts) for name in ("value", "error", "size"))
    return Bounded(value, error, size)


def add(model: Model, a: Bounded, b: Bounded) -> Bounded:
    """a + b, rounded once."""
    value = a.value + b.value
    propagated = a.error + b.error
    lost = _underflow(model, a.reach + b.reach)
    return Bounded(value, propagated + model.step * (np.abs(value) + propagated) + lost)


def multiply(model: Model, a: Bounded, b: Bounded) -> Bounded:
    """a·b, rounded once."""
    propagated = np.abs(a.value) * b.error + a.error * b.reach
    reach = a.reach * b.reach
    return Bounded(a.value * b.value, propagated + model.step * reach + _underflow(model, reach))


def divide(model: Model, a: Bounded, b: Bounded) -> Bounded:
    """a/b for b whose interval does not contain zero."""
    value = a.value / b.value
    least = np.maximum(np.abs(b.value) - b.error, np.finfo(float).tiny)
    with np.errstate(over="ignore"):  # where b may be zero, nothing is bounded
        propagated = (a.error + np.abs(value) * b.error) / least
    return Bounded(value, propagated + DIVIDE * model.step * (np.abs(value) + propagated) + _underflow(model, a.reach))


def root(model: Model, a: Bounded) -> Bounded:
    """√a for a ≥ 0; √ is concave, so the largest error is the one towards zero."""
    value = np.sqrt(a.value)
    propagated = value - np.sqrt(np.maximum(a.value - a.error, 0))
    return Bounded(value, propagated + DIVIDE * model.step * (value + propagated) + _underflow(model, a.reach))


def sum_over(model: Model, a: Bounded, axis: int | tuple[int, ...], *, keepdims: bool = False) -> Bounded:
    """The sum over ``axis`` in any order; a factor of all terms may multiply each term or the sum."""
    axes = (axis,) if isinstance(axis, int) else axis
    terms = int(np.prod([a.value.shape[i] for i in axes]))
    reach = a.reach.sum(axes, keepdims=keepdims)
    propagated = a.error.sum(axes, keepdims=keepdims)
    error = propagated + model.gamma(terms) * reach + _underflow(model, reach, terms)
    return Bounded(a.value.sum(axes, keepdims=keepdims), error)


def take(a: Bounded, indices: Array) -> Bounded:
    """The entries at ``indices`` along the last axis."""
    return Bounded(*(np.take_along_axis(part, indices, -1) for part in (a.value, a.error)))


def scatter_sum(model: Model, shape: tuple[int, ...], where: Any, a: Bounded) -> Bounded:
    """Sums of the products ``a`` with one index; an index without entries is exactly zero (GRD-2, GRD-3)."""
    places = where if isinstance(where, tuple) else (where,)
    rows, width = shape[: len(places)], shape[len(places) :]
    flat = np.ravel_multi_index(places, rows).ravel()
    order = flat.argsort(kind="stable")
    found, first, counts = np.unique(flat[order], return_index=True, return_counts=True)

    def sums(entries: Array) -> Array:
        out = np.zeros((math.prod(rows), *width))
        if len(found):
            out[found] = np.add.reduceat(entries.reshape(-1, *width)[order], first, axis=0)
        return out.reshape(shape)

    count = np.zeros(math.prod(rows))
    count[found] = counts
    count = count.reshape(*rows, *[1] * len(width))
    reach = sums(a.reach)
    error = sums(a.error) + model.product(np.maximum(count - 1, 0)) * reach + _underflow(model, reach, count)
    return Bounded(sums(a.value), error)


def returned(model: Model, a: Bounded) -> Bounded:
    """``a`` rounded once to the dtype of results (PRC-6); a result that may overflow is unspecified (NFT-1)."""
    underflow = np.where((np.abs(a.value) - a.error < model.tiny_in) & (a.reach > 0), model.tiny_in, 0.0)
    error = a.error + model.u_in * a.reach + underflow
    return Bounded(a.value, np.where(np.abs(a.value) + error > model.largest_in, np.inf, error))


def _underflow(model: Model, reach: Array, operations: Array | int = 1) -> Array:
    """The error of underflow; zero where all operands are exactly zero."""
    return np.where(reach > 0, operations * model.tiny, 0.0)
