"""One check on one case, with an answer or without."""

from __future__ import annotations

from dataclasses import dataclass

from peerspec.conformance.cases.case import Subject
from peerspec.conformance.check import Check
from peerspec.conformance.findings import TAKEN, taken_not_answered
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.kinds import Reason
from peerspec.conformance.problems import Problem
from peerspec.conformance.sentences import message
from peerspec.conformance.trials.diagnosis import diagnosed
from peerspec.conformance.trials.run_check import run_check

__all__ = ["Attempt", "attempt"]


@dataclass(frozen=True)
class Attempt:
    """What a check found on a case.

    Attributes:
        problem: what is wrong; None if the check holds or decides nothing.
        reason: a violation, blocked by another failure, or no answer; None if it decides nothing or holds.
        clause: the broken clause; empty without one.
        decided: whether the check decided anything.
    """

    problem: Problem | None = None
    reason: Reason | None = None
    clause: str = ""
    decided: bool = True

    @property
    def fault(self) -> str:
        """The kind of the fault if the backend gave no answer, else empty."""
        return str(self.problem.kind) if self.problem and self.reason is Reason.NO_ANSWER else ""

    @property
    def message(self) -> str:
        """What is wrong, in words."""
        return message(self.problem, self.reason) if self.problem and self.reason else ""


def attempt(check: Check, subject: Subject, host: Host) -> Attempt:
    """Run a check on a case."""
    try:
        evidence = run_check(check, subject, host)
    except Fault as fault:
        return _refused(fault) if fault.owed else Attempt(fault.problem, Reason.NO_ANSWER)
    if evidence is None or not evidence.problem:
        return Attempt(decided=evidence is not None)
    evidence = diagnosed(check, subject, host, evidence)
    reason = Reason.BLOCKED if evidence.blocked else Reason.VIOLATION
    return Attempt(evidence.problem, reason, check.broken_clause(evidence))


def _refused(fault: Fault) -> Attempt:
    return Attempt(taken_not_answered(fault), Reason.VIOLATION, TAKEN)
