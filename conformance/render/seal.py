"""Hashes in a report. They detect accidents and edits, but not forgery.

``spec`` is the hash of the frozen clauses. ``suite`` is the hash of the code and data behind the verdict: the packages
``conformance``, without ``render``, and ``reference``. ``body`` is the hash of the text of the report, with the 64
digits of ``body`` replaced by zeros, so that any language can check it without a canonical form of JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from peerspec.reference import SPEC_VERSION

__all__ = ["BLANK", "body_holds", "hashes", "seal", "spec_hash", "suite_hash", "tree_hash"]

BLANK = "0" * 64
_BODY = re.compile(r'"body": "([0-9a-f]{64})"')
_APART = ("__pycache__", "render")


def hashes() -> dict[str, str]:
    """The hashes of a report before ``seal``."""
    return {"spec": spec_hash(), "suite": suite_hash(), "body": BLANK}


@cache
def spec_hash(version: str = SPEC_VERSION) -> str:
    """SHA-256 of the frozen clauses of a version."""
    return sha256(_bytes(files("peerspec.conformance.requirements").joinpath(f"{version}.json"))).hexdigest()


@cache
def suite_hash() -> str:
    """SHA-256 of the code and data behind a verdict."""
    return tree_hash({name: files(f"peerspec.{name}") for name in ("conformance", "reference")})


def tree_hash(folders: Mapping[str, Traversable]) -> str:
    """SHA-256 over path and content of every file of code and data, in the order of their paths."""
    found = dict(pair for name, folder in folders.items() for pair in _walk(folder, name))
    lines = [f"{path}\0{sha256(_bytes(found[path])).hexdigest()}\n" for path in sorted(found)]
    return sha256("".join(lines).encode()).hexdigest()


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


def _walk(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name not in _APART:
            yield from _walk(entry, f"{path}/{entry.name}")
        elif entry.name.endswith((".py", ".json")):
            yield f"{path}/{entry.name}", entry


def _bytes(file: Traversable) -> bytes:
    return file.read_bytes().replace(b"\r\n", b"\n")  # version control may have changed line ends
