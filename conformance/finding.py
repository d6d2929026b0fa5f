"""The outcome of one check in one precision: frozen data."""

from __future__ import annotations

from dataclasses import dataclass

from peerspec.conformance.check import Explored
from peerspec.conformance.kinds import Reason, Status
from peerspec.conformance.problems import Problem, ProblemKind

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """The outcome of one check in one precision.

    Attributes:
        check: the identifier of the check.
        clauses: the clauses it decides; for a failure the broken clause comes first.
        stage: the ``Stage`` of the layer; any text in a report of a newer suite.
        profile: ``core`` or the profile of the check.
        precision: the precision of the run; empty for a check that did not run.
        status: the kind of the outcome.
        cases: the number of executed cases.
        share: the largest error divided by its bound; infinite for a yes-or-no question that fails, or no answer.
        reason: why the status is not pass; None for a pass.
        problem: what is wrong, as data; None for a pass.
        message: ``problem`` in words, for readers; no decision depends on it.
        case: the case that failed.
        explored: the check and the recipe of an explored case that failed.
        waiver: the reason given in the waiver that accepts the failure.
        repro: the path of the file that repeats the failure; empty if none was written.
    """

    check: str
    clauses: tuple[str, ...]
    stage: str
    profile: str
    precision: str
    status: Status
    cases: int = 0
    share: float = 0.0
    reason: Reason | None = None
    problem: Problem | None = None
    message: str = ""
    case: str = ""
    explored: Explored | None = None
    waiver: str = ""
    repro: str = ""

    @property
    def name(self) -> str:
        """The check with its precision, if it has one."""
        return f"{self.check}[{self.precision}]" if self.precision else self.check

    @property
    def decides(self) -> bool:
        """Whether it decides a verdict alone: an error, or a failure that no other failure caused."""
        return self.status == Status.ERROR or (self.status == Status.FAIL and self.reason != Reason.BLOCKED)

    @property
    def error(self) -> tuple[str, ...] | None:
        """What two failures by one error of the backend have in common; None if it is no error."""
        if not self.problem or self.problem.kind != ProblemKind.TAKEN_NOT_ANSWERED:
            return None
        values = self.problem.values
        origin = self.raised.splitlines()[-1:] or [str(values.get("detail", ""))]
        return self.clauses[0], str(values.get("exception", "")), *origin

    @property
    def raised(self) -> str:
        """The further lines of the message that the backend raised, and the frames of its origin."""
        return str(self.problem.values.get("raised", "")) if self.problem else ""
