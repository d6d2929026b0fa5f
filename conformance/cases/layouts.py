"""Memory layouts of an array: in rows, in columns, or with gaps; a backend must read all of them alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LAYOUTS", "laid_out", "layout", "like"]

Array = NDArray[Any]

LAYOUTS = ("rows", "columns", "gaps")
"""The last axis is contiguous, the first axis is contiguous, or rows have unused memory between them."""


def layout(array: Array) -> str:
    """The layout of an array."""
    return "rows" if array.flags.c_contiguous else "columns" if array.flags.f_contiguous else "gaps"


def laid_out(array: Array, where: str) -> Array:
    """A copy in the layout ``where``, if its shape has more than one layout."""
    if where == "gaps" and array.ndim:
        return np.repeat(array, 2, 0)[::2]
    return np.asarray(array, order="F" if where == "columns" else "C")


def like(old: Array, new: Array) -> Array:
    """``new`` in the layout of ``old``."""
    return laid_out(new, layout(old))
