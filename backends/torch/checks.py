"""Checks of what a caller gives to the layer: parameters, tokens and mask."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from peerspec.backends.torch.arrays import COMPUTE_DTYPES, INPUT_DTYPES, is_dtensor, parameter_dtype
from peerspec.reference import InputError, PeerConfig, TableError

__all__ = ["check_group", "check_input", "check_params", "check_tensors", "require_tensor", "require_values"]


def check_params(config: PeerConfig, params: Mapping[str, Tensor]) -> None:
    """Raise TableError where parameters do not fit the configuration (PAR-1, PAR-5)."""
    check_tensors(config.shapes(), params)


def check_tensors(shapes: Mapping[str, tuple[int, ...]], params: Mapping[str, Tensor]) -> None:
    """Raise TableError where whole parameters do not have these names and shapes, or fit each other (PAR-1, PAR-5)."""
    if params.keys() != shapes.keys():
        raise TableError(f"this configuration has the parameters {', '.join(shapes)}, got {', '.join(params)} (PAR-1)")
    if split := [name for name, tensor in params.items() if is_dtensor(tensor)]:
        raise InputError(
            f"{split[0]} is split over several processes, and a function of parameters takes whole ones; call the "
            "module that was split"
        )
    _check_fitting(shapes, params, params["keys"].dtype, params["keys"].device)


def require_values(params: Mapping[str, Tensor]) -> None:
    """Raise TableError where a parameter lies on the device meta."""
    if bare := [name for name, tensor in params.items() if tensor.is_meta]:
        raise TableError(
            f"{bare[0]} lies on the device meta and has no values; call to_empty and load_state_dict first"
        )


def check_group(config: PeerConfig, params: Mapping[str, Tensor], dtype: torch.dtype, device: torch.device) -> None:
    """Raise TableError where some parameters do not fit a layer of this dtype on this device (PAR-1, PAR-5)."""
    _check_fitting(config.shapes(), params, dtype, device)


def _check_fitting(
    shapes: Mapping[str, tuple[int, ...]], params: Mapping[str, Tensor], dtype: torch.dtype, device: torch.device
) -> None:
    if dtype not in COMPUTE_DTYPES:
        raise TableError(f"parameters must be of dtype {', '.join(map(str, COMPUTE_DTYPES))}, got {dtype} (PAR-5)")
    for name, tensor in params.items():
        if tensor.shape != shapes[name]:
            raise TableError(f"{name} must have shape {shapes[name]}, got {tuple(tensor.shape)} (PAR-1)")
        if tensor.dtype != (expected := parameter_dtype(name, dtype)):
            raise TableError(
                f"{name} must be {expected} beside keys of {dtype}, got {tensor.dtype}; convert one of them (PAR-5)"
            )
        if tensor.device != device:
            raise TableError(f"{name} must be on {device} as the keys, got {tensor.device}; move one of them")


def require_tensor(x: object) -> None:
    """Raise InputError where tokens are no tensor."""
    if not isinstance(x, Tensor):
        raise InputError(f"x must be a torch.Tensor, got {type(x).__name__}; convert it with torch.as_tensor")


def check_input(config: PeerConfig, keys: Tensor, x: Tensor, mask: Tensor | None) -> None:
    """Raise InputError where tokens or mask do not fit a layer with these sub-keys (SHP-1, SHP-2, PAR-5)."""
    dtype = keys.dtype
    if is_dtensor(x) or is_dtensor(keys):
        raise InputError(
            "the layer computes with the tensors of one process, got a DTensor; pass x.to_local(), and let fully_shard "
            "or DistributedDataParallel hold the parameters"
        )
    if x.is_nested:
        raise InputError(
            "x must be a dense tensor for this call, got a nested one; call the module, or pass x.values()"
        )
    if x.ndim < 1 or x.shape[-1] != config.d_model:
        raise InputError(f"x must have shape [..., {config.d_model}], got {tuple(x.shape)} (SHP-1)")
    if x.dtype not in INPUT_DTYPES[dtype]:
        names = " or ".join(map(str, INPUT_DTYPES[dtype]))
        raise InputError(f"x must be {names} for parameters of {dtype}, got {x.dtype}; convert it (PAR-5)")
    lead = tuple(x.shape[:-1])
    if mask is not None and (mask.shape != lead or mask.dtype != torch.bool):
        raise InputError(f"mask must be boolean of shape {lead}, got {mask.dtype} of shape {tuple(mask.shape)} (SHP-2)")
    for name, tensor in (("x", x), ("mask", mask)):
        if tensor is not None and tensor.device != keys.device:
            raise InputError(f"{name} must be on {keys.device} as the parameters, got {tensor.device}; move it")
