"""The dtypes of parameters and inputs, and the dtype in which a layer computes (SPEC.md, chapter 7)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike

__all__ = ["DTYPES", "compute_dtype"]

DTYPES: Mapping[str, np.dtype] = MappingProxyType(
    {
        "float64": np.dtype(np.float64),
        "float32": np.dtype(np.float32),
        "bfloat16": np.dtype(ml_dtypes.bfloat16),
        "float16": np.dtype(np.float16),
    }
)
"""The precisions of SPEC.md, chapter 7, by name."""


def compute_dtype(dtype: DTypeLike) -> np.dtype:
    """The dtype of queries, scores, gates and sums for inputs of ``dtype``: float64 for float64, else float32.

    It is also the dtype in which scores and gates are returned (PRC-2, PRC-3).

    Example:
        >>> compute_dtype("float64"), compute_dtype("float16")
        (dtype('float64'), dtype('float32'))
    """
    return DTYPES["float64" if np.dtype(dtype) == np.float64 else "float32"]
