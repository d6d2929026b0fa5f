"""The verdict of a report as data, and its words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from peerspec.conformance.kinds import Level

__all__ = ["Shortfall", "Verdict", "VerdictKind"]


class VerdictKind(StrEnum):
    """The four verdicts."""

    CONFORMANT = "conformant"
    NOT_CONFORMANT = "not conformant"
    NO_VERDICT = "no verdict"
    PARTIAL = "holds in part"


class Shortfall(StrEnum):
    """Why a backend without a failure is not conformant (CNF-1)."""

    NO_PRECISION = "no precision"
    NOTHING_DECIDED = "nothing decided"


_SHORTFALLS = {
    Shortfall.NO_PRECISION: "it claims no precision",
    Shortfall.NOTHING_DECIDED: "no check decided anything",
}


@dataclass(frozen=True)
class Verdict:
    """The verdict on a backend; ``str`` gives the sentence.

    Attributes:
        kind: the verdict itself.
        clauses: the broken clauses, the nearest to the cause first.
        shortfall: why there is no failure and no conformance either.
        declined: whether the backend declined configurations (CNF-4).
        level: how much the backend takes (CNF-4).
        shows_routing: whether every answer carried its routing.
        waived: the number of waived failures.
        error: the message of the first error.

    Example:
        >>> str(Verdict(VerdictKind.NOT_CONFORMANT, clauses=("OUT-2",)))
        'not conformant: OUT-2'
    """

    kind: VerdictKind
    clauses: tuple[str, ...] = ()
    shortfall: Shortfall | None = None
    declined: bool = False
    level: Level = Level.FULL
    shows_routing: bool = True
    waived: int = 0
    error: str = ""

    @property
    def head(self) -> str:
        """The verdict without its reasons, for a table."""
        return ", ".join([self.kind.value, *self._limits()])

    def __str__(self) -> str:
        if self.kind == VerdictKind.PARTIAL:
            return "holds as far as it was run; run without restrictions for a verdict"
        return ": ".join([self.head, *self._reasons()])

    def _limits(self) -> list[str]:
        if self.kind != VerdictKind.CONFORMANT:
            return []
        limits = {
            "level base": self.level is Level.BASE,
            "with declined configurations": self.declined,
            "routing not shown": not self.shows_routing,
            f"{self.waived} waived": self.waived > 0,
        }
        return [words for words, holds in limits.items() if holds]

    def _reasons(self) -> list[str]:
        if self.shortfall:
            return [f"{_SHORTFALLS[self.shortfall]} ({', '.join(self.clauses)})"]
        return [words for words in (", ".join(self.clauses), self.error) if words]
