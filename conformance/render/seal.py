"""Hashes in a report. They detect accidents and edits, but not forgery.

``spec`` and ``suite`` are those of ``peerspec.conformance.hashes``. ``body`` is the hash of the text of the report,
with the 64 digits of ``body`` replaced by zeros, so that any language can check it without a canonical form of JSON.
"""

from __future__ import annotations

import re
from hashlib import sha256

from peerspec.conformance.hashes import spec_hash, suite_hash

__all__ = ["BLANK", "body_holds", "hashes", "seal"]

BLANK = "0" * 64
_BODY = re.compile(r'"body": "([0-9a-f]{64})"')


def hashes() -> dict[str, str]:
    """The hashes of a report before ``seal``."""
    return {"spec": spec_hash(), "suite": suite_hash(), "body": BLANK}


def seal(text: str) -> str:
    """Write the hash of the text into it; no string of JSON can hold the quotes of this pattern."""
    digest = sha256(text.encode()).hexdigest()
    return text.replace(f'"body": "{BLANK}"', f'"body": "{digest}"', 1)


def body_holds(text: str) -> bool:
    """Whether a sealed text is unchanged."""
    found = _BODY.search(text)
    if found is None:
        return False
    blank = text[: found.start(1)] + BLANK + text[found.end(1) :]
    return sha256(blank.encode()).hexdigest() == found[1]
