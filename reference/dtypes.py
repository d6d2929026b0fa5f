"""The dtypes of parameters and inputs, and the dtype in which a layer computes (SPEC.md, chapter 7)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike

from peerspec.reference.config import STATISTICS

__all__ = ["DTYPES", "PRECISIONS", "Precision", "compute_dtype", "input_dtypes", "parameter_dtype"]

DTYPES: Mapping[str, np.dtype] = MappingProxyType(
    {
        "float64": np.dtype(np.float64),
        "float32": np.dtype(np.float32),
        "bfloat16": np.dtype(ml_dtypes.bfloat16),
        "float16": np.dtype(np.float16),
    }
)
"""The dtypes of learned parameters and of inputs, by name."""


def compute_dtype(dtype: DTypeLike) -> np.dtype:
    """The dtype of queries, scores, gates and sums for parameters of ``dtype``: float64 for float64, else float32.

    It is also the dtype in which scores, gates and running statistics are returned (PRC-2, PRC-3).

    Example:
        >>> compute_dtype("float64"), compute_dtype("float16")
        (dtype('float64'), dtype('float32'))
    """
    return DTYPES["float64" if np.dtype(dtype) == np.float64 else "float32"]


def parameter_dtype(name: str, dtype: DTypeLike) -> np.dtype:
    """The dtype of a parameter in a layer of ``dtype``: running statistics have the compute dtype (PAR-5).

    Example:
        >>> str(parameter_dtype("query_norm.scale", "float16")), str(parameter_dtype("query_norm.mean", "float16"))
        ('float16', 'float32')
    """
    return compute_dtype(dtype) if name in STATISTICS else np.dtype(dtype)


class Precision(NamedTuple):
    """A precision of SPEC.md, chapter 7.

    Attributes:
        name: the name of its profile.
        parameters: the dtype of learned parameters and their gradients.
        input: the dtype of x, y and the gradient of x.
    """

    name: str
    parameters: np.dtype
    input: np.dtype

    @property
    def compute(self) -> np.dtype:
        """The compute dtype."""
        return compute_dtype(self.parameters)


PRECISIONS: Mapping[str, Precision] = MappingProxyType(
    {name: Precision(name, dtype, dtype) for name, dtype in DTYPES.items()}
    | {
        name: Precision(name, DTYPES["float32"], DTYPES[name.removeprefix("mixed-")])
        for name in ("mixed-bfloat16", "mixed-float16")
    }
)
"""The precisions of SPEC.md, chapter 7, by name."""


def input_dtypes(dtype: DTypeLike) -> tuple[np.dtype, ...]:
    """The dtypes that x may have for learned parameters of ``dtype`` (PAR-5).

    Example:
        >>> [str(each) for each in input_dtypes("float32")], [str(each) for each in input_dtypes("bfloat16")]
        (['float32', 'bfloat16', 'float16'], ['bfloat16'])
    """
    return tuple(precision.input for precision in PRECISIONS.values() if precision.parameters == np.dtype(dtype))
