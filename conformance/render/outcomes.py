"""What became of a clause in a stage, and of a profile in a precision: the two grids of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from peerspec.conformance.check import Check
from peerspec.conformance.clauses import clauses
from peerspec.conformance.report import ERROR, FAIL, NOT_CLAIMED, PASS, WAIVED, Finding, Report
from peerspec.conformance.suite import CHECKS

__all__ = [
    "SIGNS",
    "UNDECIDED",
    "UNJUDGED",
    "clause_outcomes",
    "gravest",
    "outcome",
    "profile_outcome",
    "rows",
    "stages",
]

UNDECIDED = "not decided"
"""Of a clause whose check stopped at another one."""
UNJUDGED = "in another precision"
"""Of a profile whose checks ran in another precision, which this size of the suite does not repeat in this one."""

GRAVITY = (FAIL, ERROR, UNDECIDED, WAIVED, PASS, UNJUDGED, NOT_CLAIMED)
SIGNS = {FAIL: "✗", ERROR: "!", UNDECIDED: "?", WAIVED: "~", PASS: "✓", UNJUDGED: "·", NOT_CLAIMED: "–"}
"""One character for each outcome: none is told by colour alone."""

_KNOWN = {check.id: check for check in CHECKS}


def gravest(outcomes: Iterable[str]) -> str:
    """The outcome that decides among several."""
    return min(outcomes, key=GRAVITY.index, default=NOT_CLAIMED)


def rows(reports: Sequence[Report]) -> dict[str, Check | None]:
    """Every check of the reports in the order of the suite; None for one this suite does not know."""
    found = dict.fromkeys(finding.check for report in reports for finding in report.findings)
    return {id: _KNOWN[id] for id in _KNOWN if id in found} | {id: None for id in found if id not in _KNOWN}


def stages(reports: Sequence[Report]) -> list[str]:
    """The stages of the reports in the order of the suite."""
    found = dict.fromkeys(finding.stage for report in reports for finding in report.findings)
    ordered = dict.fromkeys(check.stage for check in CHECKS if check.stage in found)
    return [*ordered, *(stage for stage in found if stage not in ordered)]


def clause_outcomes(report: Report, stage: str) -> dict[str, str]:
    """The clauses that the checks of a stage decide, each with what became of it there."""
    seen: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.stage == stage:
            whole = outcome(report, finding)
            for clause in _decided(finding, whole):
                stopped = whole in (FAIL, WAIVED) and clause != finding.clauses[0]
                seen.setdefault(clause, []).append(UNDECIDED if stopped else whole)
    order = {clause: place for place, clause in enumerate(clauses())}
    return {clause: gravest(seen[clause]) for clause in sorted(seen, key=lambda id: order.get(id, len(order)))}


def profile_outcome(report: Report, profile: str, precision: str) -> str:
    """What became of a profile in a precision."""
    if precision not in report.claimed or (profile != "core" and profile not in report.claimed):
        return NOT_CLAIMED
    found = [f for f in report.findings if f.profile == profile and f.precision == precision]
    return gravest(outcome(report, finding) for finding in found) if found else UNJUDGED


def outcome(report: Report, finding: Finding) -> str:
    """The status of a finding, or that another failure left it undecided."""
    blocked = finding.status == FAIL and not any(finding is cause for cause in report.causes)
    return UNDECIDED if blocked else finding.status


def _decided(finding: Finding, outcome: str) -> tuple[str, ...]:
    """A check that another failure blocked names the clause of that failure, which may be none of its own."""
    known = _KNOWN.get(finding.check)
    return known.clauses if outcome == UNDECIDED and known else finding.clauses
