"""The index of clauses in SPEC.md: the classes and profiles that each clause binds, and what judges it.

``python -m peerspec.conformance.requirements.index SPEC.md`` writes the checks of the suite into its last column; test
files and reasons there stay as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from peerspec.conformance.findings import CLAUSES_OF_CLAIMS
from peerspec.conformance.maintenance import read_document, run_with_paths
from peerspec.conformance.suite import CHECKS
from peerspec.files.atomic_file import write_atomically

__all__ = ["CLASSES", "NOT_JUDGED", "IndexRow", "deciding", "parse_index", "with_checks"]

CLASSES = ("layer", "reader", "writer", "model", "kernel", "verifier", "suite")
"""What a clause can bind (CNF-5)."""
NOT_JUDGED = "not judged: "
"""The beginning of a last column that says why nothing judges the clause."""

_ROW = re.compile(r"^(\| \[([A-Z]+-\d+)\]\([^)]*\) \| ([^|]*) \| ([^|]*) \|) ([^|]*) \|$", re.MULTILINE)


@dataclass(frozen=True)
class IndexRow:
    """One row of the index.

    Attributes:
        id: the clause.
        classes: the classes that it binds.
        profiles: the profiles of the layer that it belongs to; none if it does not bind layers.
        judged_by: checks of the suite, test files or test functions; or one reason, which begins with ``NOT_JUDGED``.
    """

    id: str
    classes: tuple[str, ...]
    profiles: tuple[str, ...]
    judged_by: tuple[str, ...]


def parse_index(text: str) -> list[IndexRow]:
    """The rows ``| [SEL-2](#SEL-2) | layer | select | `select.ids` |`` in the Markdown of a document."""
    return [
        IndexRow(id, _words(classes), _words(profiles), _judges(judges))
        for _, id, classes, profiles, judges in _ROW.findall(text)
    ]


def with_checks(text: str) -> str:
    """The document with the checks that decide each clause in the last column of its row."""
    return _ROW.sub(lambda row: f"{row[1]} {_column(row[2], _judges(row[5]))} |", text)


def deciding(id: str) -> tuple[str, ...]:
    """The checks of the suite that decide a clause, those of claims included."""
    pairs = [*CLAUSES_OF_CLAIMS.items(), *((check.id, check.clauses) for check in CHECKS)]
    return tuple(check for check, clauses in pairs if id in clauses)


def _words(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z][a-z0-9-]*", cell))


def _judges(cell: str) -> tuple[str, ...]:
    return (cell,) if cell.startswith(NOT_JUDGED) else tuple(re.findall(r"`([^`]+)`", cell))


def _column(id: str, before: tuple[str, ...]) -> str:
    tests = [name for name in before if "/" in name and not name.startswith(NOT_JUDGED)]
    reasons = [name for name in before if name.startswith(NOT_JUDGED)]
    return ", ".join(f"`{name}`" for name in (*deciding(id), *tests)) or "".join(reasons)


def write_checks(*documents: Path) -> None:
    """Write the checks of the suite into the index of each document."""
    for document in documents:
        write_atomically(document, with_checks(read_document(document)).encode())


if __name__ == "__main__":
    run_with_paths(write_checks, "peerspec.conformance.requirements.index SPEC.md", least=1)
