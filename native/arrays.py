"""Checks NumPy arrays for the core: contiguous, of the expected dtype and shape.

No other file of the room checks dtypes or shapes of single arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec import reference
from peerspec.reference import DTYPES, InputError

__all__ = ["DTYPE_CODES", "INT8_CODE", "address", "compute_dtype", "contiguous", "in_place", "require_contiguous"]

DTYPE_CODES = {DTYPES[name]: code for code, name in enumerate(("float32", "float64", "bfloat16", "float16"))}
"""The ``peerspec_format`` of each dtype of SPEC.md."""

INT8_CODE = len(DTYPE_CODES)
"""The ``peerspec_format`` of int8 rows with one scale each; SPEC.md has no such dtype."""


def compute_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The compute dtype of tables of ``dtype`` (PRC-2).

    Raises:
        InputError: ``dtype`` is not a dtype of SPEC.md.

    Example:
        >>> compute_dtype(np.dtype(np.float16))
        dtype('float32')
    """
    if dtype not in DTYPE_CODES:
        raise InputError(f"tables must be of dtype {', '.join(DTYPES)}, got {dtype}; convert them (PAR-5)")
    return reference.compute_dtype(dtype)


def contiguous(
    name: str, array: NDArray[Any], dtype: np.dtype[Any] | type, shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """The array itself, or a contiguous copy; None in ``shape`` stands for any length.

    Raises:
        InputError: another dtype or shape.
    """
    if array.dtype != dtype or (array.shape != shape and not _fits(array.shape, shape)):
        sizes = ", ".join("any" if size is None else str(size) for size in shape)
        raise InputError(
            f"{name} must be {np.dtype(dtype)} of shape [{sizes}], got {array.dtype} of shape {list(array.shape)}"
        )
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else np.require(array, requirements=["C", "A"])


def _fits(found: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    return len(shape) == len(found) and all(want in (None, got) for want, got in zip(shape, found, strict=True))


def require_contiguous(
    name: str, array: NDArray[Any], dtype: np.dtype[Any] | type, shape: tuple[int | None, ...]
) -> None:
    """Check an array that the core uses without a copy.

    Raises:
        InputError: another dtype or shape, or not C-contiguous, or not aligned to its numbers.
    """
    contiguous(name, array, dtype, shape)
    if not array.flags.c_contiguous:
        raise InputError(f"{name} must be C-contiguous, got strides {array.strides}; use numpy.ascontiguousarray")
    if not array.flags.aligned:
        raise InputError(f"{name} must lie at a multiple of {array.itemsize} bytes; pass a copy")


def in_place(name: str, array: NDArray[Any], dtype: np.dtype[Any], shape: tuple[int | None, ...]) -> NDArray[Any]:
    """The array itself, after checking that it can be changed in place.

    Raises:
        InputError: another dtype or shape, or not C-contiguous, not aligned or not writeable.
    """
    contiguous(name, array, dtype, shape)
    if not (array.flags.c_contiguous and array.flags.aligned and array.flags.writeable):
        raise InputError(f"{name} is changed in place and must be C-contiguous, aligned and writeable; pass a copy")
    return array


def address(array: NDArray[Any] | None) -> int | None:
    """The address of the data; None if there is no array. The caller keeps the array alive."""
    return None if array is None else array.__array_interface__["data"][0]
