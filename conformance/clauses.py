"""The clauses of SPEC.md and SPEC-ONNX.md as frozen data, one file per version of the specification."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from peerspec.reference import SPEC_VERSION, PeerError
from peerspec.reference.version import SITE

__all__ = ["Clause", "all_clauses", "clause_url", "clauses", "counted_checks", "find"]


@dataclass(frozen=True)
class Clause:
    """One clause. Text, reason and notes are Markdown: a blank line between blocks, one line for each paragraph.

    Attributes:
        id: its permanent identifier.
        chapter: the heading it stands under.
        text: what it requires, with its tables, lists and formulas.
        why: its reason.
        why_label: the words before the reason, such as ``Why two names``.
        notes: what the document says of it besides: notes, examples, proofs.
        superseded_by: the clause that replaced it; empty for a clause in force.
        document: the file it stands in.
        classes: what it binds: ``layer``, ``reader``, ``writer``, ``model``, ``kernel``, ``verifier``, ``suite``.
        profiles: the profiles of a layer that it belongs to; none if it does not bind layers.
        judged_by: the checks and tests that judge it, or one reason why nothing does.
    """

    id: str
    chapter: str
    text: str
    why: str = ""
    notes: tuple[str, ...] = ()
    superseded_by: str = ""
    document: str = "SPEC.md"
    classes: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    judged_by: tuple[str, ...] = ()
    why_label: str = "Why"

    @property
    def summary(self) -> str:
        """Its first paragraph, to the last full stop if a table, a list or a formula continues its sentence.

        Example:
            >>> Clause("NEW-1", "1", "All MUST hold. They are:\\n\\n- a\\n- b").summary
            'All MUST hold.'
        """
        first = self.text.split("\n\n")[0]
        whole = first[: first.rfind(". ") + 1]
        return whole if first.endswith(":") and whole else first

    @property
    def cited(self) -> str:
        """Identifier, first paragraph and address in one line, for failures."""
        return f"{self.id}: {self.summary} ({self.url})"

    @property
    def url(self) -> str:
        """Its address on the site of the documentation."""
        return f"{SITE}{self.document.removesuffix('.md').lower()}.html#{self.id}"


@cache
def clauses(version: str = SPEC_VERSION) -> dict[str, Clause]:
    """The clauses in force in a version of the specification by identifier, in the order of its documents."""
    return {id: clause for id, clause in all_clauses(version).items() if not clause.superseded_by}


@cache
def all_clauses(version: str = SPEC_VERSION) -> dict[str, Clause]:
    """The clauses of a version of the specification by identifier, superseded ones included."""
    return {row["id"]: _clause(row) for row in _requirements(version)["clauses"]}


@cache
def counted_checks(version: str = SPEC_VERSION) -> frozenset[str]:
    """The checks that decide conformance to a version; a newer check runs and is shown, but does not count."""
    return frozenset(_requirements(version)["checks"])


def find(id: str) -> Clause:
    """The clause of that identifier, in force or superseded.

    Raises:
        PeerError: there is none.
    """
    known = all_clauses()
    if id not in known:
        raise PeerError(f"{id} is no clause of SPEC.md {SPEC_VERSION}; `peerspec list --clauses` shows all clauses")
    return known[id]


def clause_url(id: str) -> str:
    """The address of a clause on the site of the documentation; empty for a clause that this version does not have.

    Example:
        >>> clause_url("SEL-1").removeprefix(SITE)
        'spec.html#SEL-1'
    """
    known = all_clauses().get(id)
    return known.url if known else ""


def _requirements(version: str) -> Any:
    return json.loads(files("peerspec.conformance.requirements").joinpath(f"{version}.json").read_text("utf-8"))


def _clause(row: dict[str, Any]) -> Clause:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Clause(**values)
