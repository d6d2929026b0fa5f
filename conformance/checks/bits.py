"""Which entries of two arrays have other bits."""

from __future__ import annotations

import numpy as np

from peerspec.conformance.cases.case import Array

__all__ = ["differing", "first_place"]


def differing(a: Array, b: Array) -> Array:
    """Where the bits of two arrays of one shape and dtype differ.

    Example:
        >>> differing(np.array([0.0, 1.0]), np.array([-0.0, 1.0]))
        array([ True, False])
    """
    words = f"u{a.dtype.itemsize}"
    found: Array = np.ascontiguousarray(a).view(words) != np.ascontiguousarray(b).view(words)
    return found


def first_place(where: Array) -> list[int]:
    """The index of the first True entry by axis; empty if there is none."""
    return [int(index) for index in np.argwhere(where)[0]] if where.any() else []
