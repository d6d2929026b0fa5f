"""The SHA-256 of an external file, which others choose: read within a time."""

from __future__ import annotations

import time
from hashlib import sha256
from pathlib import Path

from peerspec.export.errors import ExportError

__all__ = ["require_digest"]

_PART = 1 << 22


def require_digest(file: Path, wanted: object, *, deadline: float, limit: float) -> None:
    """Compare the SHA-256 of a file.

    Args:
        file: the file.
        wanted: what the model states.
        deadline: when to give up, on the clock of ``time.monotonic``.
        limit: how many seconds that was at first.

    Raises:
        ExportError: it has another digest (ONX-8), or takes too long.
    """
    digest = sha256()
    with file.open("rb", buffering=0) as data:
        while part := data.read(_PART):
            digest.update(part)
            if time.monotonic() > deadline:
                raise ExportError(
                    f"the SHA-256 of {file} is not known within {limit:g} s, the limit of --timeout; pass a longer "
                    "limit"
                )
    if (got := digest.hexdigest()) != wanted:
        raise ExportError(
            f"{file} was changed: its SHA-256 is {got}, the model was written with {wanted}; copy or export it again"
        )
