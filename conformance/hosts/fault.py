"""A fault: a backend gave no answer that can be read."""

from __future__ import annotations

from typing import Any

from peerspec.conformance.problems import FaultKind, Problem
from peerspec.conformance.sentences import sentence

__all__ = ["Fault"]


class Fault(Exception):  # noqa: N818 - it is the fault of a backend and no error of this package
    """The backend gave no answer that can be read: it raised, hung, died, or returned something else.

    Attributes:
        problem: what happened, as data: its kind is a ``FaultKind``; ``method`` and ``exception`` are among its
            values where they are known.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem

    @classmethod
    def of(cls, kind: FaultKind, **values: Any) -> Fault:
        """The fault of this kind and these values."""
        return cls(Problem(kind, values))

    def __str__(self) -> str:
        return sentence(self.problem)

    @property
    def refused(self) -> bool:
        """Whether the backend itself said that it gives no answer (NRM-5): the call raised, or a program refused."""
        return self.problem.kind in (FaultKind.RAISED, FaultKind.REFUSED)

    @property
    def owed(self) -> bool:
        """Whether it is an error instead of an answer that the backend owes for a configuration it takes (CNF-4)."""
        return self.refused and self.problem.values.get("method") != "supports"

    @property
    def identity(self) -> tuple[str, ...]:
        """What two faults of one cause have in common: kind, method, exception and part of the answer."""
        values = self.problem.values
        return (self.problem.kind, *(str(values.get(name, "")) for name in ("method", "exception", "part")))
