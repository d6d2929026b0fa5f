"""A trial of ``select``: the selection of the backend, and the selection of the definition."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from peerspec.conformance.cases.case import Halves
from peerspec.conformance.hosts.arguments import InPlace
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.problems import Problem, ProblemKind, Violation
from peerspec.conformance.trials.layer import AGAIN, Unsound
from peerspec.conformance.trials.parts import moved
from peerspec.conformance.trials.structure import ID_DTYPES, dtype_problem, harm, shape_problem
from peerspec.reference import Flushing, Selection, select_exhaustive, select_staircase

__all__ = ["SelectionTrial"]

_FEW = 1 << 12
"""The largest number of experts for which all scores are sorted."""


class SelectionTrial:
    """Lazy, like ``Trial``."""

    shows_routing = True

    def __init__(self, halves: Halves, host: Host) -> None:
        self.halves, self.host = halves, host

    @property
    def subject(self) -> Halves:
        """The half scores, by the name that all trials have for them."""
        return self.halves

    @cached_property
    def answer(self) -> Answer:
        """The answer to the case."""
        return self._call(self.halves)

    def _call(self, halves: Halves, *, in_place: bool = False) -> Answer:
        arguments = {"scores1": halves.scores1, "scores2": halves.scores2, "k": halves.k}
        return self.host.call("select", InPlace(arguments) if in_place else arguments)

    @property
    def selection(self) -> Selection:
        """The returned selection."""
        found: Selection = self.answer.value
        return found

    @cached_property
    def expected(self) -> Selection:
        """The legal selection that is nearest to the returned one: one way of flushing holds for a whole call (SCO-4).

        The definition itself, or the staircase if N is too large to sort; they are equal by theorem.
        """
        s1, s2, k = self.halves.scores1, self.halves.scores2, self.halves.k
        select = select_exhaustive if s1.shape[-1] ** 2 <= _FEW else select_staircase
        legal = [select(s1, s2, k, flush=flush) for flush in self._ways_of_flushing()]
        return min(legal, key=self._differences)

    def _ways_of_flushing(self) -> tuple[Flushing, ...]:
        """All of them, or the first if all are equal: half scores are zero, or too large for subnormal sums."""
        halves = np.concatenate([self.halves.scores1, self.halves.scores2], -1)
        sizes, info = np.abs(halves[halves != 0]), np.finfo(halves.dtype)
        normal = not sizes.size or sizes.min() * info.eps >= 2 * info.tiny  # a sum is a multiple of the smaller ulp
        return (Flushing.NOTHING,) if normal else tuple(Flushing)

    def _differences(self, legal: Selection) -> tuple[int, int]:
        """How many ids, then how many scores differ."""
        found = self.selection
        return int((found.indices != legal.indices).sum()), int((found.scores != legal.scores).sum())

    @property
    def clause(self) -> str:
        """The clause of the order: SEL-4 if zeros of both signs are all there is, else SEL-2."""
        entries = np.concatenate([self.halves.scores1.ravel(), self.halves.scores2.ravel()])
        both = np.signbit(entries).any() and not np.signbit(entries).all()
        return "SEL-4" if both and not entries.any() else "SEL-2"

    @cached_property
    def violation(self) -> Violation | None:
        """What is wrong with shapes, dtypes or inputs, if anything."""
        wrong = self._form()
        return Violation("", wrong) if wrong else harm("select", self.answer)

    def _form(self) -> Problem | None:
        s1, found = self.halves.scores1, self.selection
        shape = (*s1.shape[:-1], self.halves.k)
        for name, part in (("scores", found.scores), ("indices", found.indices)):
            if part.shape != shape:
                return shape_problem(f"{name} of select()", shape, part.shape)
        if found.scores.dtype != s1.dtype:
            return dtype_problem("scores of select()", (s1.dtype,), found.scores.dtype)
        if found.indices.dtype not in ID_DTYPES:
            return dtype_problem("indices of select()", ID_DTYPES, found.indices.dtype)
        return None

    def later(self, halves: Halves | None = None, *, in_place: bool = False) -> SelectionTrial:
        """The trial of a later call, with the same half scores unless others are given.

        Raises:
            Unsound: the structure of its answer is wrong.
        """
        trial = SelectionTrial(halves or self.halves, self.host)
        trial.answer = self._call(trial.halves, in_place=in_place)
        if trial.violation:
            raise Unsound(trial.violation)
        return trial

    @cached_property
    def unsteady(self) -> Problem | None:
        """What differs when the same call is made again, if anything."""
        found = (moved(self.selection, self._call(self.halves).value) for _ in range(AGAIN))
        part = next(filter(None, found), None)
        return Problem(ProblemKind.SELECTION_NOT_REPEATED, {"part": part}) if part else None
