"""Whether a file is a library of kernels that loads here and was built from these sources."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

from peerspec.export.ort.errors import KernelError
from peerspec.export.ort.sources import key
from peerspec.files.limited import read_limited

__all__ = ["is_current", "require_current"]

_BUILD = "build it again with peerspec.export.ort.build"
_LIMIT = 1 << 28
"""The largest file that is read, in bytes; a library with the names for a debugger has some millions."""
_MARK = re.compile(rb"peerspec_ort_key=([0-9a-f]+)")


def is_current(path: Path) -> bool:
    """Whether the library at ``path`` was built from these sources."""
    return _key_of(path) == key()


def require_current(path: Path) -> None:
    """Check the file at ``path`` before it is loaded.

    Raises:
        KernelError: the file is missing, is another library, is for another system, or was built from other sources.
    """
    if not path.is_file():
        raise KernelError(f"{path} is not a file; {_BUILD}({str(path)!r})")
    if (found := _key_of(path)) is None:
        raise KernelError(f"{path} is not a whole library of peerspec's kernels; {_BUILD}")
    if found != key():
        raise KernelError(f"{path} was built from other sources ({found}, these are {key()}); {_BUILD}")
    try:
        library = ctypes.CDLL(str(path.resolve()))
        library.peerspec_ort_key.restype = ctypes.c_char_p
    except (OSError, AttributeError) as error:
        reason = str(error).removeprefix(f"{path.resolve()}: ")
        raise KernelError(f"{path} does not load on this system ({reason}); {_BUILD}") from None
    if not library.peerspec_ort_key().decode().endswith(found):
        raise KernelError(f"{path} was replaced after this process had loaded it; start a new process")


def _key_of(path: Path) -> str | None:
    """The key in the file. It is read from the file, because a loaded library hides a later file of the same path."""
    try:
        found = _MARK.search(read_limited(path, _LIMIT))
    except ValueError:
        return None
    return None if found is None else found[1].decode()
