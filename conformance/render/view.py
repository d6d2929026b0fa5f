"""The content of the page as data: tables of outcomes and strips of errors. The template gives it its form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from peerspec.conformance.clauses import clauses
from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Status
from peerspec.conformance.plan import PRECISIONS, PROFILES
from peerspec.conformance.render.failures import Failure, blocked, failures
from peerspec.conformance.render.outcomes import clause_outcomes, most_severe, outcome, profile_outcome, rows, stages
from peerspec.conformance.render.scale import Scale, brief
from peerspec.conformance.report import Report

__all__ = ["Backend", "Chip", "Mark", "Strip", "checks_by_stage", "profile_rows", "stage_rows"]


@dataclass(frozen=True)
class Chip:
    """An outcome with a name, and the anchor of its failure or its clause."""

    name: str
    outcome: str
    anchor: str = ""


@dataclass(frozen=True)
class Mark:
    """One error on the axis: its position in percent, the number of its precision, and whether it failed."""

    x: float
    y: int
    precision: int
    failed: bool


@dataclass(frozen=True)
class Strip:
    """One check of one backend: its errors on the axis, and the same in words."""

    outcome: str
    worst: str
    marks: tuple[Mark, ...]
    label: str
    anchor: str


@dataclass(frozen=True)
class Backend:
    """A report with its number on the page; anchors use the number, because a name may hold anything.

    Attributes:
        twin: whether another backend on the page has the same name.
    """

    number: int
    report: Report
    failures: tuple[Failure, ...]
    blocked: tuple[str, ...]
    twin: bool

    @classmethod
    def all(cls, reports: Sequence[Report]) -> tuple[Backend, ...]:
        """The backends of the page."""
        names = [report.backend for report in reports]
        return tuple(
            cls(number, report, failures(report), blocked(report), names.count(report.backend) > 1)
            for number, report in enumerate(reports)
        )

    def anchor(
        self, *, check: str = "", stage: str = "", clause: str = "", profile: str = "", precision: str = ""
    ) -> str:
        """The anchor of the first failure with these properties; empty if there is none."""
        for number, failure in enumerate(self.failures):
            seen = {(w.finding.profile, w.finding.precision) for w in failure.witnesses}
            if (
                check in ("", failure.check)
                and stage in ("", failure.stage)
                and clause in ("", failure.clause)
                and any(profile in ("", p) and precision in ("", q) for p, q in seen)
            ):
                return f"b{self.number}-f{number}"
        return ""


def profile_rows(backends: Sequence[Backend]) -> list[tuple[str, list[Chip]]]:
    """For each profile a cell per backend and precision."""
    return [
        (
            profile,
            [
                Chip("", profile_outcome(b.report, profile, p), b.anchor(profile=profile, precision=p))
                for b in backends
                for p in PRECISIONS
            ],
        )
        for profile in ("core", *PROFILES)
    ]


def stage_rows(backends: Sequence[Backend]) -> list[tuple[str, list[list[Chip]]]]:
    """For each stage the clauses per backend."""
    return [
        (
            stage,
            [
                [
                    Chip(clause, outcome, _anchor(b, stage, clause, outcome))
                    for clause, outcome in clause_outcomes(b.report, stage).items()
                ]
                for b in backends
            ],
        )
        for stage in stages([b.report for b in backends])
    ]


def _anchor(backend: Backend, stage: str, clause: str, outcome: str) -> str:
    """The anchor of a clause: its failure, or its text if this package has the clause."""
    failure = backend.anchor(stage=stage, clause=clause) if outcome == Status.FAIL else ""
    return failure or (f"c-{clause}" if clause in clauses() else "")


def checks_by_stage(backends: Sequence[Backend], scale: Scale) -> list[tuple[str, list[tuple[str, str, list[Strip]]]]]:
    """For each stage its checks: identifier, question, and a strip per backend."""
    reports = [b.report for b in backends]
    table: dict[str, list[tuple[str, str, list[Strip]]]] = {stage: [] for stage in stages(reports)}
    for id, check in rows(reports).items():
        found = [[f for f in report.findings if f.check == id] for report in reports]
        stage = next(f.stage for findings in found for f in findings)
        strips = [_strip(b, id, findings, scale) for b, findings in zip(backends, found, strict=True)]
        table[stage].append((id, check.summary if check else "", strips))
    return list(table.items())


def _strip(backend: Backend, check: str, findings: Sequence[Finding], scale: Scale) -> Strip:
    ran = [f for f in findings if outcome(backend.report, f) in (Status.PASS, Status.FAIL, Status.WAIVED)]
    measured = [f for f in ran if f.precision in PRECISIONS] if any(f.share > 0 for f in ran) else []
    marks = [
        Mark(
            scale.at(f.share),
            100 * (row + 1) // (len(measured) + 1),
            PRECISIONS.index(f.precision),
            f.status != Status.PASS,
        )
        for row, f in enumerate(measured)
    ]
    worst = max((f.share for f in measured), default=0.0)
    spoken = [f"{f.precision} {brief(f.share)}{'' if f.status == Status.PASS else ' ' + f.status}" for f in measured]
    return Strip(
        most_severe(outcome(backend.report, f) for f in findings),
        brief(worst) if measured else "",
        tuple(marks),
        f"error divided by its bound: {', '.join(spoken)}" if spoken else "",
        backend.anchor(check=check),
    )
