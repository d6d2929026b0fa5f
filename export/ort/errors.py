"""The error of building or loading kernels."""

from __future__ import annotations

from peerspec.export.errors import ExportError

__all__ = ["KernelError"]


class KernelError(ExportError):
    """The kernels for ONNX Runtime cannot be built or loaded."""
