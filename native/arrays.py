"""NumPy arrays as the core takes them: contiguous, of one agreed dtype and shape, checked here and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec import reference
from peerspec.reference import DTYPES, InputError

__all__ = ["FORMATS", "INT8", "address", "compute_dtype", "contiguous", "empty"]

FORMATS = {DTYPES[name]: code for code, name in enumerate(("float32", "float64", "bfloat16", "float16"))}
"""The formats of ``peerspec_native.h`` by dtype, those of SPEC.md."""

INT8 = len(FORMATS)
"""The format of rows of int8 with a scale each, which is none of SPEC.md's."""


def compute_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The format in which tables of ``dtype`` are computed with (PRC-2).

    Raises:
        InputError: not a format of SPEC.md.
    """
    if dtype not in FORMATS:
        raise InputError(f"tables must be of dtype {', '.join(DTYPES)}, got {dtype}; convert them (PAR-2)")
    return reference.compute_dtype(dtype)


def contiguous(
    name: str, array: NDArray[Any], dtype: np.dtype[Any] | type, shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """The array itself, or a contiguous copy; None in ``shape`` stands for any length.

    Raises:
        InputError: another dtype or shape.
    """
    fits = len(shape) == array.ndim and all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits or array.dtype != dtype:
        sizes = ", ".join("any" if size is None else str(size) for size in shape)
        raise InputError(
            f"{name} must be {np.dtype(dtype)} of shape [{sizes}], got {array.dtype} of shape {list(array.shape)}"
        )
    return np.require(array, requirements=["C", "A"])


def address(array: NDArray[Any] | None) -> int | None:
    """Where the data lies; the caller keeps the array alive."""
    return None if array is None else array.ctypes.data


def empty(shape: tuple[int, ...], dtype: np.dtype[Any] | type) -> NDArray[Any]:
    """An array for the core to fill."""
    return np.empty(shape, dtype)
