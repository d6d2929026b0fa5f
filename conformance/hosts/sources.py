"""What a backend was loaded from: digests of the modules of a process."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

__all__ = ["loaded_modules"]

_LENGTH = 10
"""Letters of a digest."""


def loaded_modules() -> dict[str, str]:
    """A digest for each loaded package or module outside the standard library, of all its loaded files.

    Python files count by their contents, and compiled ones, of hundreds of megabytes, by size and time of change.

    Example:
        >>> "numpy" in loaded_modules(), "os" in loaded_modules()
        (True, False)
    """
    digests: dict[str, Any] = {}
    for name, path in _files():
        digest = digests.setdefault(name.partition(".")[0], sha256())
        digest.update(f"{name}\0".encode("utf-8", "surrogatepass") + _content(path))
    return {name: digest.hexdigest()[:_LENGTH] for name, digest in digests.items()}


def _files() -> Iterator[tuple[str, Path]]:
    """Names and files of loaded modules, without those of Python itself and the program that runs."""
    library = tuple(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib"))
    installed = tuple(os.path.join(sysconfig.get_path(name), "") for name in ("purelib", "platlib"))
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or name in ("__main__", "__mp_main__"):
            continue
        if file.startswith(installed) or not file.startswith(library):
            yield name, Path(file)


def _content(path: Path) -> bytes:
    try:
        if path.suffix == ".py":
            return path.read_bytes()
        about = path.stat()
    except (OSError, ValueError):
        return b""
    return f"{about.st_size} {about.st_mtime_ns}".encode()
