"""A file that appears under its name whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType

__all__ = ["AtomicFile", "write_atomically"]


class AtomicFile:
    """A temporary file beside ``path``: ``publish`` renames it; leaving the context without ``publish`` removes it.

    Args:
        path: the name under which the file appears.

    Attributes:
        name: the path of the temporary file.
        file: the file, open for writing bytes.

    Raises:
        OSError: as the file system says.

    Example:
        >>> with AtomicFile(Path("numbers.bin")) as draft:  # doctest: +SKIP
        ...     draft.file.write(b"123")
        ...     draft.publish()
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> AtomicFile:
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.", suffix=".part")
        self.name = Path(name)
        self.file = os.fdopen(handle, "wb")
        return self

    def publish(self) -> None:
        """Close the file and rename it to ``path``, replacing what is there."""
        self.file.close()
        mask = os.umask(0)
        os.umask(mask)
        self.name.chmod(0o666 & ~mask)
        self.name.replace(self.path)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.file.close()
        finally:
            self.name.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, replacing what is there.

    Raises:
        OSError: as the file system says.
    """
    with AtomicFile(path) as file:
        file.file.write(data)
        file.publish()
