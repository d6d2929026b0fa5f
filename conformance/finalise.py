"""Changes of findings once all are known: blocked by other failures, or waived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from peerspec.conformance.finding import Finding
from peerspec.conformance.findings import waive_newer
from peerspec.conformance.kinds import Reason, Status
from peerspec.conformance.problems import Problem, ProblemKind
from peerspec.conformance.sentences import message

__all__ = ["block_undecided", "waive"]


def block_undecided(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """An undecided check is a fault of the suite, unless a failure explains it."""
    if not any(finding.status in (Status.FAIL, Status.WAIVED) for finding in findings):
        return findings
    return tuple(_blocked(finding) if finding.reason == Reason.UNDECIDED else finding for finding in findings)


def _blocked(finding: Finding) -> Finding:
    problem = Problem(ProblemKind.UNDECIDED)
    said = message(problem, Reason.BLOCKED)
    return waive_newer(replace(finding, status=Status.FAIL, reason=Reason.BLOCKED, problem=problem, message=said))


def waive(findings: tuple[Finding, ...], waivers: Mapping[str, str]) -> tuple[Finding, ...]:
    """Failures with a waiver become waived; a waiver without a failure is an error."""
    failing = {finding.check for finding in findings if finding.status == Status.FAIL}
    waived = [_waived(finding, waivers) for finding in findings]
    stale = [_stale(finding) for finding in findings if finding.check in waivers.keys() - failing]
    return (*waived, *stale[:1])


def _waived(finding: Finding, waivers: Mapping[str, str]) -> Finding:
    if finding.status != Status.FAIL or finding.check not in waivers:
        return finding
    return replace(finding, status=Status.WAIVED, reason=Reason.WAIVER, waiver=waivers[finding.check])


def _stale(finding: Finding) -> Finding:
    problem = Problem(ProblemKind.STALE_WAIVER, {"check": finding.check})
    said = message(problem, Reason.STALE_WAIVER)
    return replace(finding, status=Status.ERROR, reason=Reason.STALE_WAIVER, problem=problem, message=said)
