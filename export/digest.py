"""The SHA-256 of an external file, which others choose: read only as far as its tensors reach, and within a time."""

from __future__ import annotations

import time
from hashlib import sha256
from pathlib import Path

from peerspec.export.errors import ExportError

__all__ = ["require_digest"]

_PART = 1 << 22
_PADDING = 1 << 16
"""Bytes that a file may have behind its last tensor: the largest unit to which writers round places up."""


def require_digest(file: Path, wanted: object, *, end: int, deadline: float, limit: float) -> None:
    """Compare the SHA-256 of a file.

    Args:
        file: the file.
        wanted: what the model states.
        end: where the last tensor of the model in this file ends.
        deadline: when to give up, on the clock of ``time.monotonic``.
        limit: how many seconds that was at first.

    Raises:
        ExportError: it has another digest (ONX-8), is longer than its tensors, or takes too long.
    """
    if (size := file.stat().st_size) > end + _PADDING:
        raise ExportError(
            f"{file} has {size} bytes, but the tensors of the model end at byte {end}; "
            "write the external data of the model again"
        )
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
