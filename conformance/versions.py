"""Versions that a report names."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from peerspec.reference import SPEC_VERSION

__all__ = ["versions"]


def versions() -> dict[str, str]:
    """Versions of the specification, the packages and the platform."""
    found = {"spec": SPEC_VERSION, "python": platform.python_version(), "platform": platform.platform()}
    for package in ("peerspec", "numpy", "torch", "jax", "onnxruntime"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | {"byteorder": sys.byteorder}
