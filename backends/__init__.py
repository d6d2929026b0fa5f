"""Backends: implementations of the layer with one small contract, and a registry of their names."""

from peerspec.backends.protocol import Backend, BackendError
from peerspec.backends.registry import load, names

__all__ = ["Backend", "BackendError", "load", "names"]
