"""Memory layouts of an array, all of which a backend must read alike, and copies that keep them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

__all__ = ["LAYOUTS", "copied", "laid_out", "layout", "like"]

Array = NDArray[Any]

LAYOUTS = ("rows", "columns", "gaps", "unaligned", "reversed", "broadcast", "constant", "permuted")
"""The last axis is contiguous; the first axis is; rows have unused memory between them; rows begin one entry behind a
multiple of 16 bytes, as a tensor in a file may; rows lie in memory from the last to the first; all rows are one; all
entries are one number; the second axis lies outside the first, as in a transposed batch of sequences."""
ALIGNED = 16
"""Bytes that a vector load wants its address to be a multiple of."""


def layout(array: Array) -> str:
    """The layout of an array."""
    if array.flags.c_contiguous:
        address: int = array.__array_interface__["data"][0]
        return "unaligned" if array.size and address % ALIGNED else "rows"
    if array.flags.f_contiguous:
        return "columns"
    if min(array.strides) < 0:
        return "reversed"
    if array.strides[0] == 0:
        return "broadcast" if any(array.strides) else "constant"
    return "permuted" if array.ndim > 2 and array.strides[0] < array.strides[1] else "gaps"


def laid_out(array: Array, where: str) -> Array:
    """A copy in the layout ``where``, or in rows if the array cannot have it."""
    if where == "columns" or not array.ndim or not array.size:
        return np.array(array, order="F" if where == "columns" else "C")
    if where == "gaps":
        return np.repeat(array, 2, 0)[::2]
    if where == "unaligned":
        return _unaligned(array)
    if where == "reversed":
        return array[::-1].copy()[::-1]
    if where == "permuted" and array.ndim > 2:
        return array.swapaxes(0, 1).copy().swapaxes(0, 1)
    if where == "constant" and (array == array.flat[0]).all():
        return as_strided(array.reshape(-1)[:1].copy(), array.shape, (0,) * array.ndim)
    if where == "broadcast" and (array == array[:1]).all():
        row = array[:1].copy()
        return as_strided(row, array.shape, (0, *row.strides[1:]))  # which may be written to, as other arrays
    return np.array(array, order="C")


def copied(array: Array) -> Array:
    """A copy in the same layout."""
    return laid_out(array, layout(array))


def like(old: Array, new: Array) -> Array:
    """``new`` in the layout of ``old``."""
    return laid_out(new, layout(old))


def _unaligned(array: Array) -> Array:
    room = np.empty(array.nbytes + ALIGNED + array.itemsize, np.uint8)
    start = -room.__array_interface__["data"][0] % ALIGNED + array.itemsize
    made: Array = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    made[...] = array
    return made
