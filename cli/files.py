"""Files that a command writes: whole or not at all, and never over an existing file without ``--overwrite``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from peerspec.files.atomic_file import AtomicFile, obstacle
from peerspec.reference import PeerError

__all__ = ["STANDARD_OUTPUT", "OutputFile", "make_folder", "output_file", "refuse_existing", "refuse_same_files"]

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


def refuse_same_files(written: Mapping[str, Path | None], read: Iterable[Path]) -> None:
    """Check that a command writes each of its files once, and none of those that it reads.

    Args:
        written: the files to write by option; None for an option that is not given.
        read: the files to read, as far as they are known.

    Raises:
        PeerError: two options name the same file or standard output, or one names a file to read.
    """
    given = [(option, path) for option, path in written.items() if path]
    for number, (option, path) in enumerate(given):
        for other, before in given[:number]:
            if path == before == STANDARD_OUTPUT:
                raise PeerError(f"{other} and {option} cannot both go to standard output; name a file for one of them")
            if _is_same(path, before):
                raise PeerError(f"{other} and {option} are the same file {path}; name another file for one of them")
        if path != STANDARD_OUTPUT and any(_is_same(path, each) for each in read):
            raise PeerError(f"{option} and a file that the command reads are the same: {path}; name another file")


def _is_same(path: Path, other: Path) -> bool:
    """Whether two paths lead to one file, also if it does not exist yet."""
    if os.path.realpath(path) == os.path.realpath(other):
        return True
    try:
        return path.samefile(other)  # two spellings of a name, where capitals do not count
    except (OSError, ValueError):
        return False


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
    return PeerError(f"cannot write {path}: {error.strerror}; choose a folder that can be written and has space")


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
            PeerError: it cannot be written, or meanwhile something else has the name, and may not be replaced.
        """
        try:
            self._file.stream.write(text.encode())
            self._file.publish(overwrite=self._overwrite)
        except FileExistsError:
            raise _exists(self.path) from None
        except OSError as error:
            with suppress(OSError):  # it would write the rest of the text
                self._file.stream.close()
            raise _unwritable(self.path, error) from None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.__exit__(kind, error, at)


class _StandardOutput(OutputFile):
    """Standard output in the place of a file."""

    def __init__(self) -> None:
        self.path = STANDARD_OUTPUT

    def __enter__(self) -> OutputFile:
        return self

    def publish(self, text: str) -> None:
        """Print the text in UTF-8, as a file holds it, whatever the encoding of standard output is."""
        text = text if text.endswith("\n") else f"{text}\n"
        sys.stdout.flush()
        if (buffer := getattr(sys.stdout, "buffer", None)) is None:  # a caller of Python has put something else there
            sys.stdout.write(text)
        else:
            buffer.write(text.encode())
            buffer.flush()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing was opened."""
