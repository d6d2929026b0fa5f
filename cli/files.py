"""A text file that appears whole or not at all, and never over another unasked."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType

from peerspec.reference import PeerError

__all__ = ["Draft", "refuse_existing"]


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Refuse a folder, and a file that exists unless it may be replaced.

    Raises:
        PeerError: as said.
    """
    if path.is_dir():
        raise PeerError(f"{path} is a folder; name the file to write")
    if path.exists() and not overwrite:
        raise PeerError(f"{path} exists; name another file or pass --overwrite")


class Draft:
    """A temporary file beside ``path``, made at once so that a folder that cannot be written is known early.

    Raises:
        PeerError: the path exists, is a folder, or cannot be written.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        refuse_existing(path, overwrite=overwrite)
        self.path = path

    def __enter__(self) -> Draft:
        try:
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.", suffix=".part")
        except OSError as error:
            raise PeerError(f"cannot write {self.path}: {error.strerror}; name a file in a folder that can") from None
        os.close(handle)
        self._draft = Path(name)
        return self

    def publish(self, text: str) -> None:
        """Write the text and rename the file into place."""
        self._draft.write_text(text, "utf-8")
        mask = os.umask(0)
        os.umask(mask)
        self._draft.chmod(0o666 & ~mask)
        self._draft.replace(self.path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draft.unlink(missing_ok=True)
