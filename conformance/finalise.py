"""Changes of findings once all are known: blocked by other failures, not counted, or waived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from peerspec.conformance.clauses import counted_checks
from peerspec.conformance.finding import Finding
from peerspec.conformance.findings import CLAIMS, SUPPORTS
from peerspec.conformance.kinds import Reason, Status
from peerspec.conformance.problems import Problem, ProblemKind
from peerspec.conformance.sentences import message
from peerspec.conformance.suite import CHECKS
from peerspec.reference import PeerError

__all__ = ["block_undecided", "require_checks", "waive", "waive_newer"]


def require_checks(waivers: Mapping[str, str]) -> None:
    """Refuse a waiver for a check that does not exist.

    Raises:
        PeerError: there is one.
    """
    for id in waivers:
        if id not in {check.id for check in CHECKS}:
            raise PeerError(f"the waiver for {id!r} names no check; `peerspec list` shows all checks")


def block_undecided(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """An undecided check is a fault of the suite, unless a failure explains it."""
    if not any(finding.status in (Status.FAIL, Status.WAIVED) for finding in findings):
        return findings
    return tuple(_blocked(finding) if finding.reason == Reason.UNDECIDED else finding for finding in findings)


def _blocked(finding: Finding) -> Finding:
    problem = Problem(ProblemKind.UNDECIDED)
    said = message(problem, Reason.BLOCKED)
    return waive_newer(replace(finding, status=Status.FAIL, reason=Reason.BLOCKED, problem=problem, message=said))


def waive_newer(finding: Finding) -> Finding:
    """A failure of a check that is newer than the specification is shown as waived, and does not count."""
    if finding.status != Status.FAIL or finding.check in counted_checks() | {CLAIMS, SUPPORTS}:
        return finding
    return replace(finding, status=Status.WAIVED, reason=Reason.NEWER_THAN_SPEC)


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
