"""What is written survives a power cut: it leaves the caches of the system for the disk."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["sync_file", "sync_folder"]

_OPEN = os.O_RDWR | getattr(os, "O_BINARY", 0) if os.name == "nt" else os.O_RDONLY
"""Windows syncs only what is open for writing; elsewhere the mode of the file may forbid that."""


def sync_file(path: Path) -> os.stat_result:
    """Bring the content of a file to the disk.

    Returns:
        The status of the file.

    Raises:
        OSError: it cannot be written there.
    """
    handle = os.open(path, _OPEN)
    try:
        os.fsync(handle)
        return os.fstat(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk, where the system can: Windows and some file systems cannot."""
    if os.name == "nt":
        return
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
