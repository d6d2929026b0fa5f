"""A file that appears under its name whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType

__all__ = ["AtomicFile", "write_atomically"]


class AtomicFile:
    """A temporary file beside ``path``. ``publish`` renames it to ``path``; without ``publish`` it is removed.

    A process that is killed before ``publish`` leaves ``path`` as it was, and the temporary file beside it.

    Args:
        path: the path of the file to write.

    Attributes:
        name: the path of the temporary file.
        stream: the temporary file, open for writing bytes.

    Raises:
        OSError: the file cannot be created, written or renamed.

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
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.", suffix=".part")
        self.name = Path(name)
        self.stream = os.fdopen(handle, "wb")
        return self

    def publish(self) -> None:
        """Close the file and rename it to ``path``, replacing an existing file; its mode is that of a new file."""
        self.stream.close()
        mask = os.umask(0)
        os.umask(mask)
        self.name.chmod(0o666 & ~mask)
        self.name.replace(self.path)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.stream.close()
        finally:
            self.name.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all, replacing an existing file.

    Raises:
        OSError: the file cannot be created, written or renamed.
    """
    with AtomicFile(path) as file:
        file.stream.write(data)
        file.publish()
