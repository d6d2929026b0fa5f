"""The contract of a backend, for PyTorch: NumPy arrays in and out, on the CPU."""

from __future__ import annotations

from peerspec import native
from peerspec.backends.torch.on_device import OnDevice

__all__ = [
    "adapt",
    "adapter_gradients",
    "comparison",
    "comparison_gradients",
    "computed_by",
    "forward",
    "gradients",
    "grow",
    "name",
    "profiles",
    "select",
    "train",
]

_backend = OnDevice("torch", "cpu")
name, profiles, computed_by = _backend.name, _backend.profiles, native.computed_by
forward, select, gradients = _backend.forward, _backend.select, _backend.gradients
grow, train = _backend.grow, _backend.train
comparison, comparison_gradients = _backend.comparison, _backend.comparison_gradients
adapt, adapter_gradients = _backend.adapt, _backend.adapter_gradients
