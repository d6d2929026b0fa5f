"""The contract of a backend, for PyTorch: NumPy arrays in and out, on the CPU."""

from __future__ import annotations

from peerspec import native
from peerspec.backends.torch.on_device import OnDevice

__all__ = ["computed_by", "forward", "gradients", "grow", "name", "profiles", "select"]

_backend = OnDevice("torch", "cpu")
name, profiles, computed_by = _backend.name, _backend.profiles, native.computed_by
forward, select, gradients, grow = _backend.forward, _backend.select, _backend.gradients, _backend.grow
