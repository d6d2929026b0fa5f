"""The errors of writing and reading ONNX files."""

from __future__ import annotations

from peerspec.reference import PeerError

__all__ = ["ExportError", "MissingPackageError", "missing"]


class ExportError(PeerError):
    """A layer cannot be written as ONNX, or an ONNX file cannot be read as a layer."""


class MissingPackageError(PeerError, ImportError):
    """An optional package is not installed."""


def missing(package: str) -> MissingPackageError:
    """The error for a missing package of the extra ``onnx``."""
    return MissingPackageError(f'{package} is not installed; install it with: pip install "peerspec[onnx]"')
