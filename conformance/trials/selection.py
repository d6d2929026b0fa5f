"""A trial of ``select``: half scores put to a backend, and the definition's answer."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from peerspec.conformance.cases import SelectionCase
from peerspec.conformance.cases.case import Array
from peerspec.conformance.hosts.call import Answer, as_laid_out
from peerspec.conformance.hosts.host import Host
from peerspec.reference import Selection, select_exhaustive, select_staircase

__all__ = ["SelectionTrial"]

_FEW = 1 << 12


class SelectionTrial:
    """Lazy, like ``Trial``.

    Attributes:
        halves: the half scores asked about.
    """

    def __init__(self, case: SelectionCase, halves: tuple[Array, Array], host: Host) -> None:
        self.case, self.halves, self.host = case, halves, host

    @cached_property
    def answer(self) -> Answer:
        """What the backend returned."""
        s1, s2 = map(as_laid_out, self.halves)
        return self.host.call("select", {"scores1": s1, "scores2": s2, "k": self.case.k})

    @property
    def selection(self) -> Selection:
        """The backend's selection."""
        found: Selection = self.answer.value
        return found

    @cached_property
    def expected(self) -> Selection:
        """The definition itself, or the staircase where N is too large to sort; they are equal by theorem."""
        select = select_exhaustive if self.case.n**2 <= _FEW else select_staircase
        return select(*self.halves, self.case.k)

    @property
    def clause(self) -> str:
        """The clause this case is about."""
        return "SEL-4" if self.case.name == "zeros" else "SEL-2"

    @cached_property
    def problem(self) -> str:
        """What is wrong with shapes and formats, if anything."""
        shape = (*self.halves[0].shape[:-1], self.case.k)
        for name, part in (("scores", self.selection.scores), ("indices", self.selection.indices)):
            if part.shape != shape:
                return f"{name} of select() must have shape {shape}, got {part.shape}"
        if self.selection.scores.dtype != self.halves[0].dtype:
            return f"scores of select() must have the format of the half scores, got {self.selection.scores.dtype}"
        if self.selection.indices.dtype not in (np.int64, np.int32):
            return f"indices of select() must be int64 or int32, got {self.selection.indices.dtype}"
        return f"select() modified its input {', '.join(self.answer.modified)}" if self.answer.modified else ""
