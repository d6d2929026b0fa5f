"""Backends: implementations of the layer behind one small contract, and how to find them by name."""

from peerspec.backends.protocol import Backend, BackendError
from peerspec.backends.registry import load, names

__all__ = ["Backend", "BackendError", "load", "names"]
