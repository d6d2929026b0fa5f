"""The failures of a report for readers: one for each broken clause of a check, the nearest to the cause first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peerspec.conformance.clauses import Clause, clauses
from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Status
from peerspec.conformance.problems import Problem
from peerspec.conformance.render.repeat import repeat_command
from peerspec.conformance.render.scale import brief
from peerspec.conformance.report import Report

__all__ = ["Failure", "Witness", "blocked", "failures", "number"]

NUMBERS = ("expected", "got", "bound")


@dataclass(frozen=True)
class Witness:
    """One finding of a failure, in texts to show."""

    finding: Finding
    numbers: tuple[tuple[str, str], ...]
    place: str
    raised: str
    command: str

    @classmethod
    def of(cls, report: Report, finding: Finding) -> Witness:
        """Numbers, place and command."""
        problem = finding.problem or Problem("")
        numbers = [(name, number(problem.values[name])) for name in NUMBERS] if {*NUMBERS} <= {*problem.values} else []
        if numbers:
            exact = problem.values["bound"] == 0
            numbers.append(("error / bound", "must be exact" if exact else brief(finding.share)))
        place = ", ".join(f"{axis} {number(index)}" for axis, index in problem.where.items())
        return cls(finding, tuple(numbers), place, finding.raised, repeat_command(report, finding))


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
        """The precisions in which it was seen."""
        return ", ".join(w.finding.precision for w in self.witnesses if w.finding.precision)


def failures(report: Report) -> tuple[Failure, ...]:
    """The failures and errors that no other failure caused."""
    causes = report.causes
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in report.of(Status.FAIL, Status.ERROR):
        if finding.status == Status.ERROR or finding in causes:
            clause = finding.clauses[0] if finding.status == Status.FAIL else ""
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
    """The checks that could not examine the answer because of another failure."""
    return tuple(finding.name for finding in report.of(Status.FAIL) if finding not in report.causes)


def number(value: Any) -> str:
    """A value of a witness, with enough digits to tell two float32 numbers apart."""
    if isinstance(value, float):
        return f"{value:.9g}" if math.isfinite(value) else {math.inf: "∞", -math.inf: "−∞"}.get(value, "NaN")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(number, value))
    return str(value)
