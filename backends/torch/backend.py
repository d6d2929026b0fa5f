"""The contract of a backend, for PyTorch: NumPy arrays in and out, on the CPU."""

from __future__ import annotations

from peerspec.backends.torch.on_device import OnDevice

__all__ = ["forward", "gradients", "name", "profiles", "select"]

_backend = OnDevice("torch", "cpu")
name, profiles = _backend.name, _backend.profiles
forward, select, gradients = _backend.forward, _backend.select, _backend.gradients
