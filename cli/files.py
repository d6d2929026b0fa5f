"""Files that a command writes: whole or not at all, and never over an existing file without ``--overwrite``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

from peerspec.files.atomic_file import AtomicFile, obstacle
from peerspec.reference import PeerError

__all__ = ["STANDARD_OUTPUT", "OutputFile", "make_folder", "output_file", "refuse_existing"]

STANDARD_OUTPUT = Path("-")
"""The path that stands for standard output."""


def output_file(path: Path, *, overwrite: bool) -> OutputFile:
    """The file ``path``, or standard output."""
    return _StandardOutput() if path == STANDARD_OUTPUT else OutputFile(path, overwrite=overwrite)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Check that ``path`` is a file to write.

    Raises:
        PeerError: it is a folder, a link or a device, or it exists and may not be replaced.
    """
    if found := obstacle(path):
        raise PeerError(f"{path} is {found}; name the file to write")
    if os.path.lexists(path) and not overwrite:
        raise _exists(path)


def make_folder(path: Path) -> None:
    """Make a folder and its parents if they are missing.

    Raises:
        PeerError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None


def _exists(path: Path) -> PeerError:
    return PeerError(f"{path} exists; name another file or pass --overwrite")


def _unwritable(path: Path, error: OSError) -> PeerError:
    return PeerError(f"cannot write {path}: {error.strerror}; choose a folder that can be written")


class OutputFile:
    """A temporary text file beside ``path``, made before a long run so that a read-only folder is refused early.

    Raises:
        PeerError: the path exists, is a folder, or cannot be written.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        refuse_existing(path, overwrite=overwrite)
        self.path, self._overwrite = path, overwrite

    def __enter__(self) -> OutputFile:
        try:
            self._file = AtomicFile(self.path).__enter__()
        except OSError as error:
            raise _unwritable(self.path, error) from None
        return self

    def publish(self, text: str) -> None:
        """Write the text and rename the file to ``path``.

        Raises:
            PeerError: meanwhile something else has the name, and may not be replaced.
        """
        self._file.stream.write(text.encode())
        try:
            self._file.publish(overwrite=self._overwrite)
        except FileExistsError:
            raise _exists(self.path) from None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.__exit__(kind, error, at)


class _StandardOutput(OutputFile):
    """Standard output in the place of a file."""

    def __init__(self) -> None:
        self.path = STANDARD_OUTPUT

    def __enter__(self) -> OutputFile:
        return self

    def publish(self, text: str) -> None:
        """Print the text."""
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing was opened."""
