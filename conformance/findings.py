"""The findings of a run, made in one place for the command, ``check_backend`` and pytest."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

from peerspec.backends.protocol import PRECISIONS
from peerspec.conformance.cases.options import without_activation
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.clauses import counted_checks
from peerspec.conformance.finding import Finding
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.kinds import Reason, Stage, Status
from peerspec.conformance.plan import SUPPORTS
from peerspec.conformance.problems import Hint, HintKind, Problem, ProblemKind
from peerspec.conformance.sentences import message
from peerspec.conformance.support import Refusal

__all__ = [
    "CLAIMS",
    "CLAUSES_OF_CLAIMS",
    "TAKEN",
    "declines_required",
    "failed",
    "faulty",
    "no_precision",
    "not_claimed",
    "not_run",
    "passed",
    "required_taken",
    "support_unknown",
    "taken_not_answered",
    "undecided",
    "waive_newer",
]

CLAIMS = "structure.claims"
CLAUSES_OF_CLAIMS = {CLAIMS: ("CNF-1",), SUPPORTS: ("CNF-4",)}
"""The two checks without cases: a precision is claimed; the required configurations are taken."""
TAKEN = "CNF-4"
"""The clause that an error instead of an answer breaks."""


def passed(check: Check, precision: str, cases: int, share: float) -> Finding:
    """Every case holds."""
    return _finding(check, precision, Status.PASS, cases=cases, share=share)


def failed(check: Check, precision: str, cases: int, evidence: Evidence, problem: Problem, case: str) -> Finding:
    """A case fails, or could not be examined because of another failure."""
    clause = check.broken_clause(evidence)
    return _finding(
        check,
        precision,
        Status.FAIL,
        Reason.BLOCKED if evidence.blocked else Reason.VIOLATION,
        problem,
        clauses=(clause, *(other for other in check.clauses if other != clause)),
        stage=evidence.stage or check.stage,
        cases=cases,
        share=evidence.share,
        case=case,
        explored=evidence.explored,
    )


def faulty(check: Check, precision: str, cases: int, fault: Fault, case: str, cause: Evidence | None = None) -> Finding:
    """The backend gave no answer to a case; an error is one that it owes for a configuration that it takes (CNF-4).

    A ``cause`` says what else is to blame for the error.
    """
    if fault.owed:
        evidence = cause or Evidence(inf, taken_not_answered(fault), TAKEN, stage=Stage.STRUCTURE)
        assert evidence.problem
        return failed(check, precision, cases, evidence, evidence.problem, case)
    return _finding(check, precision, Status.ERROR, Reason.NO_ANSWER, fault.problem, cases=cases, share=inf, case=case)


def taken_not_answered(fault: Fault) -> Problem:
    """An error instead of an answer, in one form for an exception and for a program that replies ``error``."""
    values = {"fault": str(fault.problem.kind)} | fault.problem.values
    return replace(fault.problem, kind=ProblemKind.TAKEN_NOT_ANSWERED, values=values)


def undecided(check: Check, precision: str) -> Finding:
    """No case decided anything."""
    return _finding(check, precision, Status.ERROR, Reason.UNDECIDED, Problem(ProblemKind.UNDECIDED))


def not_run(check: Check, precision: str, declined: set[str], *, without_routing: bool) -> Finding:
    """Every case was left out: the backend declined it, or shows no routing."""
    if not declined:
        problem = Problem(ProblemKind.ROUTING_NOT_SHOWN)
        return _finding(check, precision, Status.NOT_CLAIMED, Reason.ROUTING_NOT_SHOWN, problem)
    hints = (Hint(HintKind.ROUTING_NOT_SHOWN),) if without_routing else ()
    problem = Problem(ProblemKind.CONFIGURATION_DECLINED, {"answers": sorted(declined)}, hints=hints)
    return _finding(check, precision, Status.NOT_CLAIMED, Reason.CONFIGURATION_DECLINED, problem)


def not_claimed(check: Check) -> Finding:
    """The backend does not claim the profile of the check."""
    problem = Problem(ProblemKind.PROFILE_NOT_CLAIMED, {"profile": check.profile})
    return _finding(check, "", Status.NOT_CLAIMED, Reason.PROFILE_NOT_CLAIMED, problem)


def no_precision() -> Finding:
    """The backend claims no precision (CNF-1)."""
    return _of_claims(CLAIMS, "CNF-1", Problem(ProblemKind.NO_PRECISION, {"known": list(PRECISIONS)}))


def declines_required(refusal: Refusal) -> Finding:
    """The backend declines a configuration that it must take (CNF-4)."""
    relu, gelu = (without_activation(config) for config, _ in refusal.declined)
    kind = ProblemKind.DECLINES_REQUIRED if relu == gelu else ProblemKind.DECLINES_EACH_ACTIVATION
    answers = list(dict.fromkeys(answer for _, answer in refusal.declined))
    values = {"relu": relu, "gelu": gelu, "answers": answers, "planned": refusal.planned}
    return _of_claims(SUPPORTS, "CNF-4", Problem(kind, values), refusal.precision)


def support_unknown(fault: Fault, precision: str) -> Finding:
    """The backend does not say whether it takes a configuration."""
    broken = _of_claims(SUPPORTS, "CNF-4", fault.problem, precision)
    return replace(broken, status=Status.ERROR, reason=Reason.NO_ANSWER, share=inf)


def required_taken(precision: str = "") -> Finding:
    """The backend declines nothing that it must take, in one precision or in all (CNF-4)."""
    return Finding(SUPPORTS, ("CNF-4",), Stage.STRUCTURE, "core", precision, Status.PASS)


def _of_claims(check: str, clause: str, problem: Problem, precision: str = "") -> Finding:
    return Finding(
        check,
        (clause,),
        Stage.STRUCTURE,
        "core",
        precision,
        Status.FAIL,
        reason=Reason.VIOLATION,
        problem=problem,
        message=message(problem, Reason.VIOLATION),
    )


def _finding(
    check: Check,
    precision: str,
    status: Status,
    reason: Reason | None = None,
    problem: Problem | None = None,
    **fields: Any,
) -> Finding:
    fields = {"clauses": check.clauses, "stage": check.stage} | fields
    said = message(problem, reason) if problem and reason else ""
    return Finding(
        check.id,
        profile=check.profile,
        precision=precision,
        status=status,
        reason=reason,
        problem=problem,
        message=said,
        **fields,
    )


def waive_newer(finding: Finding) -> Finding:
    """A failure of a check that is newer than the specification is shown as waived, and does not count."""
    if finding.status != Status.FAIL or finding.check in counted_checks() | {CLAIMS, SUPPORTS}:
        return finding
    return replace(finding, status=Status.WAIVED, reason=Reason.NEWER_THAN_SPEC)
