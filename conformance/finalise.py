"""What findings become once all are known: consequences of others, not counted, or waived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from peerspec.conformance.clauses import counted_checks
from peerspec.conformance.report import CONSEQUENCE, ERROR, FAIL, WAIVED, Finding
from peerspec.conformance.suite import CHECKS
from peerspec.reference import SPEC_VERSION, PeerError

__all__ = ["SUPPORTS", "UNDECIDED", "count_known", "finalise", "require_checks", "waive"]

UNDECIDED = "none of its cases decided anything"
"""Message of a check all of whose cases left room for either answer."""

SUPPORTS = "structure.supports"
"""The check that has no cases: what a backend declined while others ran."""


def require_checks(waivers: Mapping[str, str]) -> None:
    """Refuse a waiver for a check that does not exist."""
    for id in waivers:
        if id not in {check.id for check in CHECKS}:
            raise PeerError(f"the waiver for {id!r} names no check; `peerspec list` shows all")


def finalise(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """A check left undecided is a fault of the suite, unless a failure made the answers unfit for it."""
    if not any(finding.status == FAIL for finding in findings):
        return findings
    return tuple(
        replace(finding, status=FAIL, message=f"{CONSEQUENCE}{UNDECIDED}") if finding.message == UNDECIDED else finding
        for finding in findings
    )


def count_known(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """A failure of a check that is newer than the specification's list is shown and does not count."""
    known = counted_checks() | {SUPPORTS}
    return tuple(
        replace(finding, status=WAIVED, message=f"{finding.message} (not counted: newer than spec {SPEC_VERSION})")
        if finding.status == FAIL and finding.check not in known
        else finding
        for finding in findings
    )


def waive(findings: tuple[Finding, ...], waivers: Mapping[str, str]) -> tuple[Finding, ...]:
    """Failures with a waiver become waived; a waiver without a failure is an error."""
    failing = {finding.check for finding in findings if finding.status == FAIL}
    waived = [
        replace(finding, status=WAIVED, message=f"{finding.message} (waived: {waivers[finding.check]})")
        if finding.status == FAIL and finding.check in waivers
        else finding
        for finding in findings
    ]
    stale = [
        replace(
            finding,
            status=ERROR,
            message=f"its waiver is stale: {finding.check} does not fail; remove the waiver",
        )
        for finding in findings
        if finding.check in waivers.keys() - failing
    ]
    return (*waived, *stale[:1])
