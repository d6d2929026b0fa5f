"""Where the Triton kernels run: on NVIDIA chips of capability 8.0 or newer, with Triton 3.6 or newer."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

import torch

__all__ = ["OLDEST_CHIP", "OLDEST_TRITON", "computed_by_device", "reason_against_triton", "runs_triton"]

OLDEST_CHIP = (8, 0)
OLDEST_TRITON = (3, 6)


def runs_triton(device: torch.device) -> bool:
    """Whether tensors on this CUDA device take the Triton kernels, and not library operations."""
    return not reason_against_triton(torch.cuda.current_device() if device.index is None else device.index)


@cache
def reason_against_triton(index: int) -> str:
    """Why tensors on this CUDA device take library operations; empty if they take the Triton kernels."""
    if reason := _reason_against_package():
        return reason
    if torch.version.hip is not None:
        return "the kernels are compiled for NVIDIA chips alone"
    capability = torch.cuda.get_device_capability(index)
    if capability < OLDEST_CHIP:
        name = torch.cuda.get_device_name(index)
        return f"{name} has the capability {_text(capability)}, and the kernels need {_text(OLDEST_CHIP)} or newer"
    return ""


def computed_by_device(index: int) -> str:
    """What computes on this CUDA device, and why not Triton where it is not."""
    device = torch.cuda.get_device_name(index)
    if reason := reason_against_triton(index):
        return f"library operations on {device}: {reason}"
    return f"Triton {version('triton')} on {device}"


def _reason_against_package() -> str:
    try:
        found = version("triton")
    except PackageNotFoundError:
        return f"Triton is not installed; install triton {_text(OLDEST_TRITON)} or newer"
    if tuple(map(int, found.split(".")[:2])) < OLDEST_TRITON:
        return f"Triton {found} is too old; install triton {_text(OLDEST_TRITON)} or newer"
    return ""


def _text(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
