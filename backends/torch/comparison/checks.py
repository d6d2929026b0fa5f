"""Checks of what a caller gives to a layer of chapter 15: parameters, tokens and mask."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from peerspec.backends.torch.arrays import COMPUTE_DTYPES, INPUT_DTYPES, is_dtensor, parameter_dtype
from peerspec.reference import InputError, TableError
from peerspec.reference.comparison import ComparisonConfig
from peerspec.reference.comparison.validation import learned_dtype

__all__ = ["check_dtype", "check_input", "check_params"]


def check_dtype(dtype: torch.dtype) -> None:
    """Raise TableError where a layer has no parameters of this dtype (PAR-5)."""
    if dtype not in COMPUTE_DTYPES:
        raise TableError(f"parameters must be of dtype {', '.join(map(str, COMPUTE_DTYPES))}, got {dtype} (PAR-5)")


def check_params(config: ComparisonConfig, params: Mapping[str, Tensor]) -> None:
    """Raise TableError where parameters do not fit the configuration or each other (CMP-3, PAR-5)."""
    shapes, dtype = config.shapes(), learned_dtype(params)
    device = next(iter(params.values())).device
    check_dtype(dtype)
    for name, tensor in params.items():
        if tensor.shape != shapes[name]:
            raise TableError(f"{name} must have shape {shapes[name]}, got {tuple(tensor.shape)} (CMP-3)")
        if tensor.dtype != (expected := parameter_dtype(name, dtype)):
            raise TableError(f"{name} must be {expected} in a layer of {dtype}, got {tensor.dtype}; convert it (PAR-5)")
        if tensor.device != device:
            raise TableError(f"{name} must be on {device} as the other parameters, got {tensor.device}; move it")
        if is_dtensor(tensor):
            raise InputError(f"{name} is split over several processes; this layer computes with whole parameters")


def check_input(d_model: int, parameter: Tensor, x: Tensor, mask: Tensor | None) -> None:
    """Raise InputError where tokens or mask do not fit a layer with this parameter (SHP-1, SHP-2, PAR-5)."""
    dtype = parameter.dtype
    if x.is_nested or is_dtensor(x):
        raise InputError("x must be a dense tensor of one process, got a nested one or a DTensor; convert it")
    if x.ndim < 1 or x.shape[-1] != d_model:
        raise InputError(f"x must have shape [..., {d_model}], got {tuple(x.shape)} (SHP-1)")
    if x.dtype not in INPUT_DTYPES[dtype]:
        names = " or ".join(map(str, INPUT_DTYPES[dtype]))
        raise InputError(f"x must be {names} for parameters of {dtype}, got {x.dtype}; convert it (PAR-5)")
    lead = tuple(x.shape[:-1])
    if mask is not None and (mask.shape != lead or mask.dtype != torch.bool):
        raise InputError(f"mask must be boolean of shape {lead}, got {mask.dtype} of shape {tuple(mask.shape)} (SHP-2)")
    for name, tensor in (("x", x), ("mask", mask)):
        if tensor is not None and tensor.device != parameter.device:
            raise InputError(f"{name} must be on {parameter.device} as the parameters, got {tensor.device}; move it")
