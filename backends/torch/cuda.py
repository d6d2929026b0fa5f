"""The contract of a backend, for PyTorch on a GPU: NumPy arrays in and out, and CUDA tensors within."""

from __future__ import annotations

import torch

from peerspec.backends.protocol import COMPARISONS, BackendError
from peerspec.backends.torch.gpu.availability import computed_by_device
from peerspec.backends.torch.on_device import OnDevice

__all__ = [
    "adapt",
    "adapter_gradients",
    "computed_by",
    "forward",
    "gradients",
    "grow",
    "name",
    "profiles",
    "select",
    "train",
]

if not torch.cuda.is_available():
    raise BackendError(
        "torch-cuda needs an NVIDIA GPU and a build of torch for CUDA, and torch finds no device; use the backend torch"
    )
_backend = OnDevice("torch-cuda", "cuda")
name = _backend.name
profiles = _backend.profiles - set(COMPARISONS)  # the suite has not judged these on a GPU
forward, select, gradients = _backend.forward, _backend.select, _backend.gradients
grow, train = _backend.grow, _backend.train
adapt, adapter_gradients = _backend.adapt, _backend.adapter_gradients


def computed_by() -> str:
    """The chip, and Triton's version or why library operations compute."""
    return computed_by_device(torch.cuda.current_device())
