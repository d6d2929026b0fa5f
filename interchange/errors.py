"""Why a checkpoint of another project is no layer, or a layer no checkpoint of that project."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from peerspec.reference import PeerError

__all__ = ["InterchangeError", "Obstacle", "Reason"]


class Reason(StrEnum):
    """What stands in the way."""

    UNKNOWN_LAYOUT = "unknown layout"
    NO_ARRAY = "no array"
    MISSING_TENSOR = "missing tensor"
    UNKNOWN_TENSOR = "unknown tensor"
    SHAPE = "shape"
    MISSING_FACT = "missing fact"
    UNKNOWN_FACT = "unknown fact"
    WRONG_FACT = "wrong fact"
    NO_COUNTERPART = "no counterpart"
    """The layer of the project has something that no layer of SPEC.md has."""
    OUTSIDE = "outside"
    """A tensor that the project applies before or after the layer, or beside it."""
    NOT_EXPRESSIBLE = "not expressible"
    """The layer of SPEC.md has something that no layer of the project has."""


@dataclass(frozen=True)
class Obstacle:
    """Something that one side has, and the other has not.

    Attributes:
        what: what it is, and what it does.
        advice: what to do.
        clause: the clause that it breaks, or empty for a limit of the project.
    """

    what: str
    advice: str
    clause: str = ""


class InterchangeError(PeerError):
    """Tensors of another project that are no layer, or a layer that is none of that project.

    Attributes:
        reason: what stands in the way.
        layout: the name of the layout.
        subject: the tensor, fact, field or parameter that it concerns; empty if none.
        obstacle: what it is, what to do, and the clause.

    Example:
        >>> error = InterchangeError(Reason.SHAPE, "doge", "keys", Obstacle("it has one axis", "check it", "PAR-1"))
        >>> print(error)
        doge, keys: it has one axis; check it (PAR-1)
    """

    def __init__(self, reason: Reason, layout: str, subject: str, obstacle: Obstacle) -> None:
        self.reason, self.layout, self.subject, self.obstacle = reason, layout, subject, obstacle
        place = ", ".join(part for part in (layout, subject) if part)
        clause = f" ({obstacle.clause})" if obstacle.clause else ""
        super().__init__(f"{place}: {obstacle.what}; {obstacle.advice}{clause}")

    @property
    def clause(self) -> str:
        """The clause, or the clauses between commas; empty for a limit of the project."""
        return self.obstacle.clause

    def __reduce__(self) -> tuple[type[InterchangeError], tuple[Reason, str, str, Obstacle]]:
        return InterchangeError, (self.reason, self.layout, self.subject, self.obstacle)
