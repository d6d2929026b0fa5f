"""A hidden name beside a path for what is not finished. A lock tells whether the process that chose it still runs.

``.NAME.TOKEN.part`` is what is written, ``.NAME.TOKEN.lock`` an empty file that the process keeps locked (flock). The
kernel unlocks it when the process ends, however it ends, so what has an unlocked lock is stale. The lock is a file of
its own because writers such as safetensors put another file in the place of the one that they are given.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

if sys.platform != "win32":
    import fcntl

__all__ = ["TemporaryName", "may_be_written"]

_KEPT = 40
"""Characters of the name that a temporary one keeps: at most 160 bytes, where file systems allow 255."""
_HOST = "" if sys.platform == "win32" else sha256(os.uname().nodename.encode()).hexdigest()[:8]
"""First part of a token. Only names of this host are removed: some shared file systems lock within one host alone."""


class TemporaryName:
    """A new name beside ``path``. What killed processes left beside it for the same path is removed first.

    On Windows, and on file systems without locks, nothing is removed.

    Args:
        path: the path that a file or folder of this name is to take.

    Attributes:
        name: the temporary name, which nothing has.
        is_locked: whether other processes of this host see by a lock that this one still runs.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        start = _start(path)
        _remove_stale(path.parent, start)
        self.name = path.parent / f"{start}{_HOST}{token_hex(8)}.part"
        self._handle = _locked(_lock_of(self.name))
        self.is_locked = self._handle is not None

    def remove(self) -> None:
        """Remove the file or folder if it still has this name, then the lock."""
        try:
            _remove(self.name)
            if self._handle is not None:
                _lock_of(self.name).unlink(missing_ok=True)
        finally:
            if self._handle is not None:
                os.close(self._handle)


def _lock_of(name: Path) -> Path:
    return name.with_suffix(".lock")


def _locked(lock: Path) -> int | None:
    """A handle of the new file ``lock`` that holds its lock; None where there are no locks."""
    if sys.platform == "win32":
        return None
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            lock.unlink(missing_ok=True)
            os.close(handle)
            return None
        if _is_at(handle, lock):
            return handle
        os.close(handle)  # another process found the file before it was locked, took it for stale, and removed it


def _is_at(handle: int, path: Path) -> bool:
    """Whether the open file still has that name."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def may_be_written(path: Path) -> bool:
    """Whether a process that still runs may hold a ``TemporaryName`` for ``path``, this one included.

    True if it cannot be known: on Windows, and where a temporary name belongs to another host or has no lock.
    """
    if sys.platform == "win32":
        return True
    pattern = re.compile(f"{re.escape(_start(path))}[0-9a-f]{{16,}}\\.(lock|part)")
    try:
        with os.scandir(path.parent) as entries:
            found = [path.parent / entry.name for entry in entries if pattern.fullmatch(entry.name)]
        return any(_is_held(_lock_of(name), path) for name in found)
    except OSError:
        return True


def _is_held(lock: Path, path: Path) -> bool:
    if sys.platform == "win32" or not lock.name.startswith(_start(path) + _HOST):
        return True
    handle = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _start(path: Path) -> str:
    """The beginning of every temporary name for a path."""
    return f".{path.name[:_KEPT]}."


def _remove_stale(folder: Path, start: str) -> None:
    pattern = re.compile(f"{re.escape(start + _HOST)}[0-9a-f]{{16}}\\.lock")
    with suppress(OSError, ValueError), os.scandir(folder) as entries:
        for lock in [folder / entry.name for entry in entries if pattern.fullmatch(entry.name)]:
            with suppress(OSError):
                _remove_if_unlocked(lock)


def _remove_if_unlocked(lock: Path) -> None:
    if sys.platform == "win32":
        return
    handle = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(handle, lock):  # else it is that of another process, made since
            _remove(lock.with_suffix(".part"))
            lock.unlink()
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
