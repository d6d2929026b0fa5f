"""The dtypes of parameters and inputs (SPEC.md, chapter 7)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import ml_dtypes
import numpy as np

__all__ = ["DTYPES"]

DTYPES: Mapping[str, np.dtype] = MappingProxyType(
    {
        "float64": np.dtype(np.float64),
        "float32": np.dtype(np.float32),
        "bfloat16": np.dtype(ml_dtypes.bfloat16),
        "float16": np.dtype(np.float16),
    }
)
"""The precisions of SPEC.md, chapter 7, by name."""
