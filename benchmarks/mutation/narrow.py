"""What mutants call: numbers rounded to fewer bits, and a sort that leaves equal values in the opposite order."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

__all__ = ["argsort_ties_reversed", "bfloat16", "float16", "float32", "tf32"]


def _through(a: Any, dtype: Any) -> Any:
    if not isinstance(a, np.ndarray | np.generic) or a.dtype.kind in "iub":
        return a
    with np.errstate(all="ignore"):
        return a.astype(dtype).astype(a.dtype)


def bfloat16(a: Any) -> Any:
    return _through(a, ml_dtypes.bfloat16)


def float16(a: Any) -> Any:
    return _through(a, np.float16)


def float32(a: Any) -> Any:
    return _through(a, np.float32)


def tf32(a: Any) -> Any:
    """Rounded to 11 significant bits, as the operands of TF32 products."""
    with np.errstate(all="ignore"):
        fraction, exponent = np.frexp(a)
        return np.ldexp(np.rint(np.ldexp(fraction, 11)), exponent - 11).astype(a.dtype)


def argsort_ties_reversed(a: Any, axis: int = -1, kind: str = "") -> Any:
    """Ascending, equal values by higher position."""
    return a.shape[axis] - 1 - np.argsort(np.flip(a, axis), axis, kind="stable")
