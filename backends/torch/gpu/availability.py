"""Where the Triton kernels run: on NVIDIA chips of capability 8.0 or newer, with Triton 3.6 or newer."""

from __future__ import annotations

from functools import cache

import torch

from peerspec.backends.gpu.package import reason_against_chip, reason_against_package, triton_version

__all__ = ["computed_by_device", "reason_against_triton", "runs_triton"]


def runs_triton(device: torch.device) -> bool:
    """Whether tensors on this CUDA device take the Triton kernels, and not library operations."""
    return not reason_against_triton(torch.cuda.current_device() if device.index is None else device.index)


@cache
def reason_against_triton(index: int) -> str:
    """Why tensors on this CUDA device take library operations; empty if they take the Triton kernels."""
    if reason := reason_against_package():
        return reason
    if torch.version.hip is not None:
        return "the kernels are compiled for NVIDIA chips alone"
    major, minor = torch.cuda.get_device_capability(index)
    return reason_against_chip(torch.cuda.get_device_name(index), 10 * major + minor)


def computed_by_device(index: int) -> str:
    """What computes on this CUDA device, and why not Triton where it does not."""
    device = torch.cuda.get_device_name(index)
    if reason := reason_against_triton(index):
        return f"library operations on {device}: {reason}"
    return f"Triton {triton_version()} on {device}"
