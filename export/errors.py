"""The errors of writing and reading ONNX files."""

from __future__ import annotations

from peerspec.reference import PeerError

__all__ = ["ExportError", "MissingPackageError", "missing"]


class ExportError(PeerError):
    """A layer that cannot be written as ONNX as asked, or an ONNX file that cannot be read as a layer."""


class MissingPackageError(PeerError, ImportError):
    """An optional package is not installed."""


def missing(package: str) -> MissingPackageError:
    """The one sentence for an optional package of the ``onnx`` extra that is not installed."""
    return MissingPackageError(f'{package} is not installed; install it with: pip install "peerspec[onnx]"')
