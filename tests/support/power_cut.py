"""What a folder may hold after a power cut, by the promises of POSIX alone.

What was written to a file is certain after ``fsync`` of the file, a name after ``fsync`` of the folder. Until then,
each name may be that of before or that of now, and a file without ``fsync`` is taken for empty.
"""

import itertools
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

__all__ = ["PowerCuts"]

Names = dict[str, int]
State = frozenset[tuple[str, bytes]]


class PowerCuts:
    """Records the states of a folder that a power cut may leave, from now on.

    Attributes:
        states: each state as pairs of a name and a content; temporary names are left out.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.states: set[State] = set()
        self._folder, self._held = folder, list[BinaryIO]()
        self._names = self._now()
        self._contents = {self._names[path.name]: path.read_bytes() for path in folder.iterdir()}
        for name in ("rename", "replace", "link", "unlink", "remove"):
            monkeypatch.setattr(os, name, self._watched(getattr(os, name)))
        monkeypatch.setattr(os, "fsync", self._synced(os.fsync))

    def _now(self) -> Names:
        """The files by name; each is held open, so that no other gets its number."""
        paths = list(self._folder.iterdir())
        self._held += [path.open("rb") for path in paths]
        return {path.name: path.stat().st_ino for path in paths}

    def _watched(self, original: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any, **options: Any) -> None:
            self._record()
            original(*arguments, **options)
            self._record()

        return call

    def _synced(self, original: Callable[[int], None]) -> Callable[[int], None]:
        def call(handle: int) -> None:
            original(handle)
            status = os.fstat(handle)
            if stat.S_ISDIR(status.st_mode):
                self._names = self._now()
            else:
                self._contents[status.st_ino] = os.pread(handle, status.st_size, 0)
            self._record()

        return call

    def _record(self) -> None:
        self.states |= self.states_now()

    def states_now(self) -> set[State]:
        """The states that a power cut now may leave."""
        now = self._now()
        names = sorted(name for name in {*self._names, *now} if not name.startswith("."))
        states = set()
        for inodes in itertools.product(*({self._names.get(name), now.get(name)} for name in names)):
            files = [(name, inode) for name, inode in zip(names, inodes, strict=True) if inode is not None]
            states.add(frozenset((name, self._contents.get(inode, b"")) for name, inode in files))
        return states

    def close(self) -> None:
        """Close the files that are held."""
        for file in self._held:
            file.close()
