"""How an array lies in memory, which a backend may mistake for its values: in rows, in columns, or with gaps."""

from __future__ import annotations

import numpy as np

from peerspec.conformance.cases.case import Array

__all__ = ["LAYOUTS", "laid_out", "layout", "like"]

LAYOUTS = ("rows", "columns", "gaps")
"""The last axis the fastest, the first axis the fastest, or rows with something between them."""


def layout(array: Array) -> str:
    """The layout of an array."""
    return "rows" if array.flags.c_contiguous else "columns" if array.flags.f_contiguous else "gaps"


def laid_out(array: Array, where: str) -> Array:
    """The same values in that layout, as far as their shape has room for it."""
    if where == "gaps" and array.ndim:
        return np.repeat(array, 2, 0)[::2]
    return np.asarray(array, order="F" if where == "columns" else "C")


def like(old: Array, new: Array) -> Array:
    """``new`` in the layout of ``old``."""
    return laid_out(new, layout(old))
