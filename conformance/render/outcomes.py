"""The outcome of a clause in a stage, and of a profile in a precision: the two tables of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from peerspec.conformance.check import Check
from peerspec.conformance.clauses import clauses
from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Status
from peerspec.conformance.report import Report
from peerspec.conformance.suite import CHECKS

__all__ = [
    "ELSEWHERE",
    "NOT_DECIDED",
    "SIGNS",
    "clause_outcomes",
    "most_severe",
    "outcome",
    "profile_outcome",
    "rows",
    "stages",
]

NOT_DECIDED = "not decided"
"""The outcome of a clause whose check stopped at another clause."""
ELSEWHERE = "in another precision"
"""The outcome of a profile whose checks this size of the suite runs in another precision only."""

SEVERITY = (Status.FAIL, Status.ERROR, NOT_DECIDED, Status.WAIVED, Status.PASS, ELSEWHERE, Status.NOT_CLAIMED)
SIGNS = dict(zip(SEVERITY, "✗!?~✓·–", strict=True))
"""One character for each outcome, so that no outcome is shown by colour alone."""

_KNOWN = {check.id: check for check in CHECKS}


def most_severe(outcomes: Iterable[str]) -> str:
    """The most severe of several outcomes."""
    return min(outcomes, key=SEVERITY.index, default=Status.NOT_CLAIMED)


def rows(reports: Sequence[Report]) -> dict[str, Check | None]:
    """Every check of the reports in the order of the suite; None for a check that this suite does not have."""
    found = dict.fromkeys(finding.check for report in reports for finding in report.findings)
    return {id: _KNOWN[id] for id in _KNOWN if id in found} | {id: None for id in found if id not in _KNOWN}


def stages(reports: Sequence[Report]) -> list[str]:
    """The stages of the reports in the order of the suite."""
    found = dict.fromkeys(finding.stage for report in reports for finding in report.findings)
    ordered = dict.fromkeys(check.stage for check in CHECKS if check.stage in found)
    return [*ordered, *(stage for stage in found if stage not in ordered)]


def clause_outcomes(report: Report, stage: str) -> dict[str, str]:
    """The clauses that the checks of a stage decide, each with its outcome there."""
    seen: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.stage == stage:
            whole = outcome(report, finding)
            for clause in _decided(finding, whole):
                stopped = whole in (Status.FAIL, Status.WAIVED) and clause != finding.clauses[0]
                seen.setdefault(clause, []).append(NOT_DECIDED if stopped else whole)
    order = {clause: number for number, clause in enumerate(clauses())}
    return {clause: most_severe(seen[clause]) for clause in sorted(seen, key=lambda id: order.get(id, len(order)))}


def profile_outcome(report: Report, profile: str, precision: str) -> str:
    """The outcome of a profile in a precision."""
    if precision not in report.claimed or (profile != "core" and profile not in report.claimed):
        return Status.NOT_CLAIMED
    found = [f for f in report.findings if f.profile == profile and f.precision == precision]
    return most_severe(outcome(report, finding) for finding in found) if found else ELSEWHERE


def outcome(report: Report, finding: Finding) -> str:
    """The status of a finding, or ``NOT_DECIDED`` if another failure blocked it."""
    blocked = finding.status == Status.FAIL and finding not in report.causes
    return NOT_DECIDED if blocked else finding.status


def _decided(finding: Finding, outcome: str) -> tuple[str, ...]:
    """The clauses of a finding; a blocked one names the clause of another failure, which need not be its own."""
    known = _KNOWN.get(finding.check)
    return known.clauses if outcome == NOT_DECIDED and known else finding.clauses
