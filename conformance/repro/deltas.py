"""The steps of delta debugging on any axis and any values, the largest first: fewer indices, simpler numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array

__all__ = ["Indices", "fewer", "fewer_of_two", "shorter", "simpler"]

Indices = Sequence[int]
"""Indices of an axis to keep."""
FEW = 8
"""Up to so many indices, each one is tried alone and each one is left out in turn."""


def fewer(size: int) -> Iterator[Indices]:
    """One index if there are few; a half; all but a quarter, an eighth, a sixteenth; all but one if there are few."""
    everything = list(range(size))
    if 1 < size <= FEW:
        yield from ([i] for i in everything)
    for parts in (2, size) if size <= FEW else (2, 4, 8, 16):
        if size >= max(parts, 3):
            edges = [round(part * size / parts) for part in range(parts + 1)]
            yield from (everything[:a] + everything[b:] for a, b in pairwise(edges))


def fewer_of_two(size: int) -> Iterator[tuple[Indices, Indices]]:
    """The same number of indices of two axes of one size."""
    parts = [list(part) for part in fewer(size)]
    pairs = [(a, b) for a, b in product(parts, parts) if len(a) == len(b)]
    yield from pairs if size <= FEW else [(a, b) for a, b in pairs if len(a) <= size // 2 + 1 or a == b]


def shorter(k: int) -> Iterator[int]:
    """One; a half; one less."""
    yield from dict.fromkeys(smaller for smaller in (1, k // 2, k - 1) if 1 <= smaller < k)


def simpler(tensors: dict[str, Array]) -> Iterator[dict[str, Array]]:
    """The changed tensors: all without low bits; then each as zeros, without low bits, with single rows of zeros."""
    for unit in (1.0, 2.0**-4):
        yield from _changed(tensors, {name: _truncated(array, unit) for name, array in tensors.items()})
    for name, array in tensors.items():
        yield from _changed(tensors, {name: np.zeros_like(array)})
        for unit in (1.0, 2.0**-2, 2.0**-4):
            yield from _changed(tensors, {name: _truncated(array, unit)})
    for name, array in tensors.items():
        for part in _parts(array.shape):
            zeroed = array.copy()
            zeroed[part] = 0
            yield from _changed(tensors, {name: zeroed})


def _parts(shape: tuple[int, ...]) -> Iterator[Any]:
    """Rows, then entries, if there are few."""
    size = int(np.prod(shape))
    if len(shape) > 1 and 1 < shape[0] <= FEW:
        yield from range(shape[0])
    if 1 < size <= 2 * FEW:
        yield from (np.unravel_index(i, shape) for i in range(size))


def _truncated(array: Array, unit: float) -> Array:
    """Towards zero, to multiples of ``unit``, which never adds a bit."""
    return (np.trunc(array.astype(np.float64) / unit) * unit).astype(array.dtype)


def _changed(old: dict[str, Array], new: dict[str, Array]) -> Iterator[dict[str, Array]]:
    """The tensors that became simpler, if any; −0 is as simple as 0."""
    changed = {name: array for name, array in new.items() if not np.array_equal(array, old[name], equal_nan=True)}
    if changed:
        yield changed
