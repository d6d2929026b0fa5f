"""Checks that parameters fit their configuration (SPEC.md, PAR-1, PAR-3, PAR-5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.files.shown import shown
from peerspec.reference.config import STATISTICS, PeerConfig
from peerspec.reference.dtypes import DTYPES, parameter_dtype
from peerspec.reference.errors import TableError

__all__ = ["check_parameters", "check_shapes", "check_values"]

_CHUNK = 1 << 22
"""Numbers checked at a time, so that the check of a table of gigabytes needs megabytes."""


def check_parameters(config: PeerConfig, params: Mapping[str, NDArray[Any]]) -> None:
    """Check names, shapes, dtypes and values.

    Raises:
        TableError: a name, shape, dtype or value outside PAR-1, PAR-3, PAR-5.
    """
    check_shapes(config, {name: array.shape for name, array in params.items()})
    _check_dtypes(params)
    check_values(params)


def check_values(params: Mapping[str, NDArray[Any]]) -> None:
    """Check the values of parameters, or of parts of them, of which some may be empty.

    Raises:
        TableError: a value is not finite, or a variance is negative (PAR-3).
    """
    for name, array in params.items():
        if array.size:
            _check_finite(name, array)
    if "query_norm.var" in params and (params["query_norm.var"] < 0).any():
        raise TableError("query_norm.var is a variance and must not be negative; check the checkpoint (PAR-3)")


def check_shapes(config: PeerConfig, got: Mapping[str, tuple[int, ...]]) -> None:
    """Check the names and shapes of parameters.

    Raises:
        TableError: a name is missing or unknown, or a shape is another one (PAR-1).
    """
    shapes = config.shapes()
    if missing := [name for name in shapes if name not in got]:
        raise TableError(f"the layer lacks the parameter {missing[0]!r} of shape {shapes[missing[0]]} (PAR-1)")
    if unknown := [name for name in got if name not in shapes]:
        raise TableError(
            f"{shown(unknown[0])} is not a parameter of this configuration; it has {', '.join(shapes)} (PAR-1)"
        )
    for name, shape in shapes.items():
        if got[name] != shape:
            raise TableError(f"{name} must have shape {shape} for this configuration, got {shown(got[name])} (PAR-1)")


def _check_dtypes(params: Mapping[str, NDArray[Any]]) -> None:
    dtype = params["keys"].dtype
    if dtype not in DTYPES.values():
        raise TableError(f"keys must be of dtype {', '.join(DTYPES)}, got {dtype}; convert the parameters (PAR-5)")
    for name, array in params.items():
        expected = parameter_dtype(name, dtype)
        if array.dtype == expected:
            continue
        if name in STATISTICS:
            raise TableError(
                f"{name} is a running statistic and must be {expected} in a layer of {dtype}, got {array.dtype}; "
                "convert it (PAR-5)"
            )
        raise TableError(
            f"learned parameters share one dtype, but keys is {dtype} and {name} is {array.dtype}; "
            "convert one of them (PAR-5)"
        )


def _check_finite(name: str, array: NDArray[Any]) -> None:
    rows = max(1, _CHUNK // max(1, array[0].size))
    for start in range(0, len(array), rows):
        with np.errstate(invalid="ignore"):  # a signalling NaN
            finite = np.isfinite(array[start : start + rows]).all()
        if not finite:
            raise TableError(f"{name} holds NaN or infinity; a layer's parameters are finite (PAR-3)")
