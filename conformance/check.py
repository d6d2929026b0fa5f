"""What a check is: a question about trials, with the clauses it decides and the stage it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Check", "Evidence"]


@dataclass(frozen=True)
class Evidence:
    """One thing a check looked at.

    Attributes:
        share: worst error as a share of its bound, 0 where the question is yes or no and holds.
        problem: what is wrong, in a sentence; empty where it holds.
        clause: the clause broken, where it is not the first of the check.
        where: numbers of the witness: token, head, position, expected, got, bound.
        blocked: whether the question could not be put, because the structure of the answer is wrong.
        stage: the stage at fault, where it is not that of the check.
    """

    share: float
    problem: str = ""
    clause: str = ""
    where: dict[str, Any] = field(default_factory=dict)
    blocked: bool = False
    stage: str = ""


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        id: permanent, ``<stage>.<what>``.
        clauses: the clauses it decides, the one it blames unless told otherwise first.
        stage: the stage of the layer it looks at.
        tag: the cases it runs on.
        judge: yields evidence on one trial; nothing where the trial decides nothing.
        profile: ``core`` or the profile it belongs to.
        summary: the question, in a sentence.
        needs_trace: whether a backend without a trace cannot be asked.
    """

    id: str
    clauses: tuple[str, ...]
    stage: str
    tag: str
    judge: Callable[[Any], Iterator[Evidence]]
    summary: str
    profile: str = "core"
    needs_routing: bool = False
