"""The sources of the library: the native core and the glue to ONNX Runtime, and a digest of both."""

from __future__ import annotations

import hashlib
import platform
import sys
from functools import cache
from pathlib import Path

from peerspec import native

__all__ = ["FLAGS", "GLUE", "INCLUDE", "key", "units"]

INCLUDE = Path(native.__file__).parent / "include"
_CORE = Path(native.__file__).parent / "src"
GLUE = Path(__file__).parent / "src"

FLAGS = (
    "-std=c++17",
    "-O3",
    "-g0",
    "-fvisibility=hidden",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-Wno-psabi",
)
"""The flags of the native core."""


def units() -> list[Path]:
    """The source files to compile."""
    return sorted([*_CORE.glob("*.cpp"), *GLUE.glob("*.cpp")])


@cache
def key() -> str:
    """A digest of all sources, the flags and the platform. A library with another key is out of date."""
    digest = hashlib.sha256(f"{sys.platform} {platform.machine()} {FLAGS}".encode())
    for path in sorted([*units(), *INCLUDE.glob("*.h"), *_CORE.glob("*.h"), *GLUE.glob("*.h")]):
        digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
