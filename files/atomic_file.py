"""A file that appears under its name whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from peerspec.files.durable import sync_file, sync_folder
from peerspec.files.temporary_name import TemporaryName

__all__ = ["AtomicFile", "obstacle", "write_atomically"]


class AtomicFile:
    """A temporary file beside ``path``. ``publish`` gives it the name ``path``; without ``publish`` it is removed.

    A process that is killed, or a power cut, leaves under ``path`` the old file or the new one. What a killed process
    leaves beside it is removed by the next ``AtomicFile`` for the same path.

    Args:
        path: the path of the file to write.

    Attributes:
        path: the path of the file to write; it may be changed before ``publish``, within the folder.
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
        self._status: os.stat_result | None = None

    def __enter__(self) -> AtomicFile:
        self._temporary = TemporaryName(self.path)
        self.name = self._temporary.name
        try:
            handle = os.open(self.name, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        except BaseException:
            self._temporary.remove()
            raise
        self._mode = stat.S_IMODE(os.fstat(handle).st_mode)
        self.stream = os.fdopen(handle, "wb")
        return self

    def publish(self, *, overwrite: bool = True) -> None:
        """Close the file and give it the name ``path``; its mode is that of a new file.

        Args:
            overwrite: whether an existing file is replaced. A link, a folder or a device never is.

        Raises:
            FileExistsError: something has that name, also a link to nothing, and ``overwrite`` is false.
        """
        self.stream.close()
        self.name.chmod(self._mode)  # who wrote to ``name`` may have made a new file there
        self._status = sync_file(self.name)
        if not overwrite:
            _rename_new(self.name, self.path)
        elif found := obstacle(self.path):
            raise OSError(errno.EINVAL, f"{found} has this name, and only a file is replaced", str(self.path))
        else:
            self.name.replace(self.path)
        sync_folder(self.path.parent)

    @property
    def is_locked(self) -> bool:
        """Whether other processes see by a lock that this one still writes, until ``with`` ends."""
        return self._temporary.is_locked

    @property
    def is_published(self) -> bool:
        """Whether ``path`` is this file, also if ``publish`` was interrupted."""
        try:
            return self._status is not None and os.path.samestat(self._status, self.path.lstat())
        except FileNotFoundError:
            return False

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.stream.close()
        finally:
            self._temporary.remove()


def obstacle(path: Path) -> str:
    """What has a name that a file cannot take: a symbolic link, a folder or a device; empty for a file and for nothing.

    A link is no target: the file that it leads to may be shared, and replacing the link would lose it.

    Example:
        >>> obstacle(Path("."))
        'a folder'
    """
    try:
        mode = path.lstat().st_mode
    except (OSError, ValueError):  # whoever writes the file learns why
        return ""
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return "a folder" if stat.S_ISDIR(mode) else "" if stat.S_ISREG(mode) else "a device"


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
