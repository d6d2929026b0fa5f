"""Runs launches of Triton kernels on tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from peerspec.backends.gpu.compiled import writable_cache
from peerspec.backends.gpu.launches import Launch

__all__ = ["run"]


def run(launch: Launch, *arrays: Tensor) -> None:
    """Start a kernel on the device of its first array, which need not be the current one; nothing without programs.

    Raises:
        BackendError: Triton cannot write its cache.
    """
    if 0 in launch.grid:
        return
    device = arrays[0].device
    if device.type == "cuda" and device.index != torch.cuda.current_device():
        with torch.cuda.device(device):
            _start(launch, arrays)
    else:
        _start(launch, arrays)


def _start(launch: Launch, arrays: tuple[Tensor, ...]) -> None:
    with writable_cache():
        launch.kernel[launch.grid](*arrays, *launch.numbers, **launch.constants, **launch.options())
