"""What a run found: frozen data, and the verdict that follows from it. ``render`` shows it."""

from __future__ import annotations

from dataclasses import dataclass

from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Level, Status
from peerspec.conformance.verdict import Shortfall, Verdict, VerdictKind

__all__ = ["Report"]


@dataclass(frozen=True)
class Report:
    """A whole run.

    Attributes:
        backend: the name of the backend.
        claimed: the profiles it claims, precisions included.
        precisions: the precisions of the run.
        shows_routing: whether every answer carried its routing.
        declined: the reasons for which it declined configurations, each after the precisions.
        partial: whether the run was restricted, so that it cannot decide conformance as a whole.
        findings: one per check and precision, core before the profiles, each in the order of the stages.
        size, seed, seconds: how it was run.
        versions: of specification, suite, packages, Python and platform.
        address: the name by which the backend was loaded; empty for an object.
        level: how much it takes (CNF-4).

    Example:
        >>> from peerspec.conformance import check_backend
        >>> report = check_backend("reference", size="minimal", only=["gates.softmax"], profiles=["float32"])
        >>> str(report.verdict), report.exit_status
        ('holds as far as it was run; run without restrictions for a verdict', 0)
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
    level: Level = Level.FULL

    def of(self, *statuses: str) -> tuple[Finding, ...]:
        """The findings with one of these statuses."""
        return tuple(finding for finding in self.findings if finding.status in statuses)

    @property
    def conformant(self) -> bool:
        """Whether everything claimed holds, core and one precision included (CNF-1)."""
        return bool(self.precisions) and not self.of(Status.FAIL, Status.ERROR) and bool(self.of(Status.PASS))

    @property
    def exit_status(self) -> int:
        """0 if everything claimed holds, 1 if a clause fails, 2 if the run itself could not be done."""
        return 2 if self.of(Status.ERROR) else 0 if self.conformant else 1

    @property
    def status(self) -> Status:
        """Pass, fail or error, by the exit status."""
        return (Status.PASS, Status.FAIL, Status.ERROR)[self.exit_status]

    @property
    def verdict(self) -> Verdict:
        """The verdict; ``str`` gives its sentence."""
        if errors := self.of(Status.ERROR):
            return Verdict(VerdictKind.NO_VERDICT, error=errors[0].message)
        if not self.precisions:
            return Verdict(VerdictKind.NOT_CONFORMANT, ("CNF-1",), Shortfall.NO_PRECISION)
        if self.causes:
            return Verdict(VerdictKind.NOT_CONFORMANT, self.broken)
        if not self.of(Status.PASS):
            return Verdict(VerdictKind.NOT_CONFORMANT, ("CNF-1",), Shortfall.NOTHING_DECIDED)
        if self.partial:
            return Verdict(VerdictKind.PARTIAL)
        waived = len(self.of(Status.WAIVED))
        return Verdict(
            VerdictKind.CONFORMANT,
            declined=bool(self.declined),
            level=self.level,
            shows_routing=self.shows_routing,
            waived=waived,
        )

    @property
    def causes(self) -> tuple[Finding, ...]:
        """The failures that no other failure caused, the nearest to the cause first; if there is none, all failures.

        An error that the backend raised at one place is one cause, however many checks it stops.
        """
        failed = self.of(Status.FAIL)
        causes: dict[object, Finding] = {}
        for number, finding in enumerate(tuple(finding for finding in failed if finding.decides) or failed):
            causes.setdefault(finding.error or number, finding)
        return tuple(causes.values())

    @property
    def broken(self) -> tuple[str, ...]:
        """The broken clauses, the nearest to the cause first."""
        return tuple(dict.fromkeys(finding.clauses[0] for finding in self.causes))

    @property
    def first(self) -> Finding | None:
        """The failure nearest to the cause."""
        return next(iter(self.causes), None)
