"""The failures of a report as people read them: one for each broken clause of a check, the nearest cause first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peerspec.conformance.clauses import Clause, clauses
from peerspec.conformance.render.again import again
from peerspec.conformance.render.scale import brief
from peerspec.conformance.report import CONSEQUENCE, ERROR, FAIL, Finding, Report

__all__ = ["Failure", "Witness", "blocked", "failures", "number"]

NUMBERS = ("expected", "got", "bound")


@dataclass(frozen=True)
class Witness:
    """One finding of a failure, with what to show of it."""

    finding: Finding
    numbers: tuple[tuple[str, str], ...]
    place: str
    raised: str
    command: str

    @classmethod
    def of(cls, report: Report, finding: Finding) -> Witness:
        """Numbers, place and command."""
        where = dict(finding.where)
        raised = str(where.pop("raised", ""))
        numbers = [(name, number(where.pop(name))) for name in NUMBERS if name in where]
        if numbers:
            exact = finding.where.get("bound") == 0
            numbers.append(("error / bound", "must be exact" if exact else brief(finding.share)))
        place = ", ".join(f"{name} {number(value)}" for name, value in where.items())
        return cls(finding, tuple(numbers), place, raised, again(report, finding))


@dataclass(frozen=True)
class Failure:
    """A clause that a check found broken, or a check that got no answer, in one precision or several."""

    check: str
    stage: str
    status: str
    clause: str
    text: Clause | None
    witnesses: tuple[Witness, ...]

    @property
    def precisions(self) -> str:
        """Where it was seen."""
        return ", ".join(w.finding.precision for w in self.witnesses if w.finding.precision)


def failures(report: Report) -> tuple[Failure, ...]:
    """What is wrong, without what only follows from it."""
    causes = set(map(id, report.causes))
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in report.of(FAIL, ERROR):
        if finding.status == ERROR or id(finding) in causes:
            clause = finding.clauses[0] if finding.status == FAIL else ""
            groups.setdefault((finding.check, finding.status, clause), []).append(finding)
    return tuple(
        Failure(
            check,
            found[0].stage,
            status,
            clause,
            clauses().get(clause),
            tuple(Witness.of(report, finding) for finding in found),
        )
        for (check, status, clause), found in groups.items()
    )


def blocked(report: Report) -> tuple[str, ...]:
    """The checks that could not judge because of another failure."""
    causes = set(map(id, report.causes))
    return tuple(
        f"{finding.check}[{finding.precision}]"
        for finding in report.of(FAIL)
        if id(finding) not in causes and finding.message.startswith(CONSEQUENCE)
    )


def number(value: Any) -> str:
    """A value of a witness in as many digits as tell float32 apart."""
    if isinstance(value, float):
        return f"{value:.9g}" if math.isfinite(value) else {math.inf: "∞", -math.inf: "−∞"}.get(value, "NaN")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(number, value))
    return str(value)
