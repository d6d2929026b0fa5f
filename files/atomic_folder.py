"""A folder of files that appears under its name whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peerspec.files.durable import sync_file, sync_folder
from peerspec.files.temporary_name import TemporaryName

__all__ = ["atomic_folder"]


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside ``path`` to write files into, which takes the name ``path`` at the end.

    A process that is killed, or a power cut, leaves the whole folder or none; an error leaves none.

    Raises:
        FileExistsError: something has the name ``path``.
        OSError: the folder cannot be written.

    Example:
        >>> with atomic_folder(Path("numbers")) as folder:
        ...     count = (folder / "one").write_text("1")
        >>> os.listdir("numbers")
        ['one']
    """
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = TemporaryName(path)
    try:
        temporary.name.mkdir()
        yield temporary.name
        for file in temporary.name.iterdir():
            sync_file(file)
        sync_folder(temporary.name)
        temporary.name.rename(path)
        sync_folder(path.parent)
    finally:
        temporary.remove()
