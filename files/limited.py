"""Small files of other people, read whole: a file without end, or of gigabytes, is refused before memory runs out."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["read_limited"]

_PART = 1 << 20


def read_limited(path: Path, limit: int) -> bytes:
    """The bytes of a file, or what a pipe gives, if they are at most ``limit``.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is larger, or ``path`` cannot be a path: it holds a NUL, for example.
    """
    data = bytearray()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while size <= limit and (part := file.read(_PART)):
            data += part
            size = len(data)
    if size > limit:
        raise ValueError(f"it has more than {limit} bytes; no more are read")
    return bytes(data)
