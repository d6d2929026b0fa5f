"""What a run found: frozen data. Rendering is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["CONSEQUENCE", "ERROR", "FAIL", "NOT_CLAIMED", "PASS", "WAIVED", "Finding", "Report"]

CONSEQUENCE = "not judged, because "
"""How the message of a failure begins that only says that another one stood in the way."""

PASS, FAIL, ERROR, NOT_CLAIMED, WAIVED = "pass", "fail", "error", "not claimed", "waived"


@dataclass(frozen=True)
class Finding:
    """The outcome of one check in one precision.

    Attributes:
        check: its identifier.
        clauses: the clauses it decides; where it fails, the one that is broken comes first.
        stage: the stage of the layer.
        profile: ``core`` or the profile it belongs to.
        precision: the precision it ran in; empty where it did not run.
        status: pass, fail, error, not claimed or waived.
        cases: how many cases it executed.
        share: worst error as a share of its bound; infinite where there is no room or no answer.
        message: what is wrong, or why it did not run; empty where it passed.
        case: the case that failed.
        where: numbers of the witness; ``raised``, lines that tell more of what the backend raised.
        repro: the path of the file that repeats it; empty where none was written.
    """

    check: str
    clauses: tuple[str, ...]
    stage: str
    profile: str
    precision: str
    status: str
    cases: int = 0
    share: float = 0.0
    message: str = ""
    case: str = ""
    where: dict[str, Any] = field(default_factory=dict)
    repro: str = ""

    @property
    def decides(self) -> bool:
        """Whether it decides a verdict by itself: an error, or a failure that is no consequence of another."""
        return self.status == ERROR or (self.status == FAIL and not self.message.startswith(CONSEQUENCE))


@dataclass(frozen=True)
class Report:
    """A whole run.

    Attributes:
        backend: its name.
        claimed: the profiles it claims, precisions included.
        precisions: those it was judged in.
        traced: whether it showed its trace.
        declined: configurations it declined, each with its reason.
        partial: whether the run was restricted, so that it cannot decide conformance as a whole.
        findings: one per check and precision, core before the profiles, each in the order of the stages.
        size, seed, seconds: how it was run.
        versions: of specification, suite, packages, Python and platform.
        address: the name it was asked for by; empty where it was an object.
    """

    backend: str
    claimed: tuple[str, ...]
    precisions: tuple[str, ...]
    shows_routing: bool
    declined: tuple[str, ...]
    partial: bool
    findings: tuple[Finding, ...]
    size: str
    seed: int
    seconds: float
    versions: dict[str, str]
    address: str = ""

    def of(self, *statuses: str) -> tuple[Finding, ...]:
        """The findings of these statuses."""
        return tuple(finding for finding in self.findings if finding.status in statuses)

    @property
    def conformant(self) -> bool:
        """Whether everything claimed holds, core and one precision among it (CNF-1)."""
        return bool(self.precisions) and not self.of(FAIL, ERROR) and bool(self.of(PASS))

    @property
    def exit_status(self) -> int:
        """0 everything claimed holds, 1 a clause fails, 2 the run itself could not be done."""
        return 2 if self.of(ERROR) else 0 if self.conformant else 1

    @property
    def verdict(self) -> str:
        """The verdict in a sentence."""
        if errors := self.of(ERROR):
            return f"no verdict: {errors[0].message}"
        if not self.precisions:
            return "not conformant: it claims no precision (CNF-1)"
        if self.of(FAIL):
            clauses = dict.fromkeys(finding.clauses[0] for finding in self.causes)
            return f"not conformant: {', '.join(clauses)}"
        if not self.of(PASS):
            return "not conformant: no check decided anything (CNF-1)"
        if self.partial:
            return "holds as far as it was run; run without restrictions for a verdict"
        words = ["conformant"]
        if self.declined:
            words[0] += " within"
        if not self.shows_routing:
            words[0] += ", routing not shown"
        if waived := self.of(WAIVED):
            words.append(f"with {len(waived)} waived")
        return " ".join(words)

    @property
    def causes(self) -> tuple[Finding, ...]:
        """The failures that are none of others, core before the profiles, each in the order of the stages.

        The first is the nearest to the cause.
        """
        failed = self.of(FAIL)
        return tuple(finding for finding in failed if finding.decides) or failed

    @property
    def first(self) -> Finding | None:
        """The failure nearest to the cause."""
        return next(iter(self.causes), None)
