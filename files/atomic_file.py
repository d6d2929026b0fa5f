"""A file that appears under its name whole or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from types import TracebackType

__all__ = ["AtomicFile", "write_atomically"]

_KEPT = 40
"""Characters of the name that the temporary file keeps: at most 160 bytes, where file systems allow 255."""


class AtomicFile:
    """A temporary file beside ``path``. ``publish`` gives it the name ``path``; without ``publish`` it is removed.

    A process that is killed before ``publish`` leaves ``path`` as it was, and the temporary file beside it.

    Args:
        path: the path of the file to write.

    Attributes:
        name: the path of the temporary file.
        stream: the temporary file, open for writing bytes.

    Raises:
        OSError: the file cannot be created, written or renamed.
        ValueError: ``path`` cannot be a path: it holds a NUL, for example.

    Example:
        >>> with AtomicFile(Path("numbers.bin")) as file:
        ...     count = file.stream.write(b"123")
        ...     file.publish()
        >>> Path("numbers.bin").read_bytes()
        b'123'
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> AtomicFile:
        name = f".{self.path.name[:_KEPT]}.{token_hex(8)}.part"
        self.name = self.path.parent / name
        handle = os.open(self.name, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        self._mode = stat.S_IMODE(os.fstat(handle).st_mode)
        self.stream = os.fdopen(handle, "wb")
        return self

    def publish(self, *, overwrite: bool = True) -> None:
        """Close the file and give it the name ``path``; its mode is that of a new file.

        Args:
            overwrite: whether an existing file is replaced.

        Raises:
            FileExistsError: something has that name, also a link to nothing, and ``overwrite`` is false.
        """
        self.stream.close()
        self.name.chmod(self._mode)  # who wrote to ``name`` may have made a new file there
        if overwrite:
            self.name.replace(self.path)
        else:
            _rename_new(self.name, self.path)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.stream.close()
        finally:
            self.name.unlink(missing_ok=True)


def _rename_new(name: Path, path: Path) -> None:
    """Rename a file to a name that nothing has; unlike ``rename``, creating a link or a file fails if something has."""
    try:
        os.link(name, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, where readers see an empty file for a moment
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            name.replace(path)
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise


def write_atomically(path: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write ``data`` to ``path``, whole or not at all; arguments and errors as ``AtomicFile`` and its ``publish``."""
    with AtomicFile(path) as file:
        file.stream.write(data)
        file.publish(overwrite=overwrite)
