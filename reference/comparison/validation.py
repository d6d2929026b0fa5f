"""Checks that parameters and tokens fit a layer of chapter 15 (SPEC.md, CMP-3, SHP-1, SHP-2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped
from numpy.typing import NDArray

from peerspec.files.shown import shown
from peerspec.reference.comparison.config import ComparisonConfig
from peerspec.reference.config import STATISTICS
from peerspec.reference.dtypes import DTYPES, input_dtypes, parameter_dtype
from peerspec.reference.errors import InputError, TableError
from peerspec.reference.validation import check_values

__all__ = ["check_dy", "check_parameters", "check_shapes", "flatten", "learned_dtype"]


def check_parameters(config: ComparisonConfig, params: Mapping[str, NDArray[Any]]) -> None:
    """Check names, shapes, dtypes and values.

    Raises:
        TableError: a name, shape, dtype or value outside CMP-3.
    """
    check_shapes(config, {name: array.shape for name, array in params.items()})
    dtype = learned_dtype(params)
    if dtype not in DTYPES.values():
        raise TableError(f"parameters must be of dtype {', '.join(DTYPES)}, got {dtype}; convert them (PAR-5)")
    for name, array in params.items():
        if array.dtype != (expected := parameter_dtype(name, dtype)):
            raise TableError(f"{name} must be {expected} in a layer of {dtype}, got {array.dtype}; convert it (PAR-5)")
    check_values(params)


def check_shapes(config: ComparisonConfig, got: Mapping[str, tuple[int, ...]]) -> None:
    """Check the names and shapes of parameters.

    Raises:
        TableError: a name is missing or unknown, or a shape is another one.
    """
    shapes = config.shapes()
    if missing := [name for name in shapes if name not in got]:
        raise TableError(f"the layer lacks the parameter {missing[0]!r} of shape {shapes[missing[0]]} (CMP-3)")
    if unknown := [name for name in got if name not in shapes]:
        raise TableError(
            f"{shown(unknown[0])} is not a parameter of this configuration; it has {', '.join(shapes)} (CMP-3)"
        )
    for name, shape in shapes.items():
        if tuple(got[name]) != shape:
            raise TableError(f"{name} must have shape {shape} for this configuration, got {shown(got[name])} (CMP-3)")


def learned_dtype(params: Mapping[str, Any]) -> Any:
    """The dtype of the first learned parameter."""
    return next(array.dtype for name, array in params.items() if name not in STATISTICS)


def flatten(
    d_model: int,
    dtype: np.dtype,
    x: Shaped[np.ndarray, "*lead D"],
    mask: Bool[np.ndarray, "*lead"] | None,
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Check x and mask (SHP-1, SHP-2, PAR-5), and return tokens [T, D], mask [T] and the leading axes."""
    if x.ndim < 1 or x.shape[-1] != d_model:
        raise InputError(f"x must have shape [..., {d_model}], got {x.shape} (SHP-1)")
    if x.dtype not in (allowed := input_dtypes(dtype)):
        names = " or ".join(map(str, allowed))
        raise InputError(f"x must be {names} for parameters of {dtype}, got {x.dtype}; convert it (PAR-5)")
    lead = x.shape[:-1]
    mask = np.ones(lead, bool) if mask is None else mask
    if mask.shape != lead or mask.dtype != bool:
        raise InputError(f"mask must be boolean of shape {lead}, got {mask.dtype} of shape {mask.shape} (SHP-2)")
    return x.reshape(-1, d_model), mask.reshape(-1), lead


def check_dy(dy: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raise InputError where dy has not the shape of y (SHP-1)."""
    if dy.shape != shape:
        raise InputError(f"dy must have the shape of y, {shape}, got {dy.shape} (SHP-1)")
