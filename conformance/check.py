"""A check: a question about trials, with the clauses it decides and the stage it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from peerspec.conformance.kinds import Stage, TrialKind
from peerspec.conformance.problems import Problem

__all__ = ["Check", "Evidence", "Explored"]


@dataclass(frozen=True)
class Explored:
    """The explored case that failed.

    Attributes:
        check: the check that failed on it.
        recipe: one line of JSON from which the case is made again.
    """

    check: str
    recipe: str


@dataclass(frozen=True)
class Evidence:
    """One observation of a check.

    Attributes:
        share: the largest error divided by its bound; 0 for a yes-or-no question that holds, infinite if it fails.
        problem: what is wrong; None if it holds.
        clause: the broken clause if it is not the first one of the check.
        blocked: whether the check could not examine the answer, because it is wrong in another way.
        stage: the stage at fault if it is not the stage of the check.
        explored: the explored case that failed.
    """

    share: float
    problem: Problem | None = None
    clause: str = ""
    blocked: bool = False
    stage: Stage | None = None
    explored: Explored | None = None


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        id: permanent, ``<stage>.<question>``.
        clauses: the clauses it decides; it blames the first one unless the evidence names another.
        stage: the stage of the layer.
        tag: the tag of the cases it runs on.
        examine: yields evidence on one trial; nothing if the trial decides nothing.
        summary: the question in one sentence.
        profile: ``core`` or the profile it belongs to.
        trial: the kind of trial that ``examine`` takes.
        needs_routing: whether a backend without routing is left out.
    """

    id: str
    clauses: tuple[str, ...]
    stage: Stage
    tag: str
    examine: Callable[[Any], Iterator[Evidence]]
    summary: str
    profile: str = "core"
    trial: TrialKind = TrialKind.LAYER
    needs_routing: bool = False

    def broken_clause(self, evidence: Evidence) -> str:
        """The clause that the evidence breaks; empty if it holds."""
        return (evidence.clause or self.clauses[0]) if evidence.problem else ""
