"""Hashes of the specification and of the suite.

``spec_hash`` is that of the frozen clauses. ``suite_hash`` is that of the code and data behind a verdict: the packages
``conformance``, without ``render``, and ``reference``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from peerspec.reference import SPEC_VERSION

__all__ = ["spec_hash", "suite_hash", "tree_hash"]

_APART = ("__pycache__", "render")


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


def _walk(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name not in _APART:
            yield from _walk(entry, f"{path}/{entry.name}")
        elif entry.name.endswith((".py", ".json")):
            yield f"{path}/{entry.name}", entry


def _bytes(file: Traversable) -> bytes:
    return file.read_bytes().replace(b"\r\n", b"\n")  # version control may have changed line ends
