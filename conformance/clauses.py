"""The clauses of SPEC.md as frozen data, one file per version of the specification."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from peerspec.reference import SPEC_VERSION, PeerError

__all__ = ["Clause", "all_clauses", "clauses", "counted_checks", "find", "parse"]

_HEADING = re.compile(r"^#{2,3} (?:(\d+(?:\.\d+)?) )?(.+)$")
_CLAUSE = re.compile(r'^<a id="([A-Z]+-\d+)"></a>\*\*\1\*\* (.+)$', re.DOTALL)
_SUPERSEDED = re.compile(r"\*Superseded by ([A-Z]+-\d+)")


@dataclass(frozen=True)
class Clause:
    """One clause: its permanent identifier, its chapter, its text, its reason, and the clause that replaced it."""

    id: str
    chapter: str
    text: str
    why: str = ""
    superseded_by: str = ""


@cache
def clauses(version: str = SPEC_VERSION) -> dict[str, Clause]:
    """The clauses in force in a version of SPEC.md by identifier, in the order of the document."""
    return {id: clause for id, clause in all_clauses(version).items() if not clause.superseded_by}


@cache
def all_clauses(version: str = SPEC_VERSION) -> dict[str, Clause]:
    """The clauses of a version of SPEC.md by identifier, superseded ones included."""
    return {row["id"]: Clause(**row) for row in _requirements(version)["clauses"]}


@cache
def counted_checks(version: str = SPEC_VERSION) -> frozenset[str]:
    """The checks that decide conformance to a version; a newer check runs and is shown, but does not count."""
    return frozenset(_requirements(version)["checks"])


def _requirements(version: str) -> Any:
    return json.loads(files("peerspec.conformance.requirements").joinpath(f"{version}.json").read_text("utf-8"))


def find(id: str) -> Clause:
    """The clause of that identifier.

    Raises:
        PeerError: there is none.
    """
    known = all_clauses()
    if id not in known:
        raise PeerError(f"{id} is no clause of SPEC.md {SPEC_VERSION}; `peerspec list --clauses` shows all clauses")
    return known[id]


def parse(text: str) -> list[Clause]:
    """The clauses in the Markdown of SPEC.md: each is one paragraph, followed by its *Why*."""
    found: list[Clause] = []
    chapter = ""
    for block in re.split(r"\n{2,}", text):
        if heading := _HEADING.match(block):
            chapter = heading[2] if heading[1] is None else f"{heading[1]} {heading[2]}"
        elif match := _CLAUSE.match(block):
            superseded = _SUPERSEDED.match(match[2])
            found.append(
                Clause(match[1], chapter, " ".join(match[2].split()), superseded_by=superseded[1] if superseded else "")
            )
        elif found and block.startswith("*Why"):
            why = " ".join(re.sub(r"^\*Why[^*]*\*\s*", "", block).split())
            last = found[-1]
            found[-1] = replace(last, why=why)
    return found
