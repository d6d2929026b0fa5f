"""A trial of ``gradients``: the gradients of the backend, and bounds for the experts it selected."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.bounds.gradients import gradient_bounds
from peerspec.conformance.cases.case import Array, Case
from peerspec.conformance.cases.covering.rows import FROZEN
from peerspec.conformance.cases.layouts import like
from peerspec.conformance.hosts.arguments import InPlace
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.problems import Problem, ProblemKind, Violation
from peerspec.conformance.trials.layer import AGAIN, Trial, Unsound
from peerspec.conformance.trials.parts import moved
from peerspec.conformance.trials.structure import dtype_problem, harm, shape_problem
from peerspec.reference import Layer

__all__ = ["GradientTrial"]


class GradientTrial:
    """Lazy, like ``Trial``, on which it builds.

    A token gets dy = 0, and so leaves every sum, if some legal backend may select other experts for it.
    """

    def __init__(self, case: Case, host: Host) -> None:
        self.case, self.host, self.trial = case, host, Trial(case, host)

    @property
    def subject(self) -> Case:
        """The case, by the name that all trials have for it."""
        return self.case

    @property
    def shows_routing(self) -> bool:
        """Whether the answer of ``forward`` carries scores, ids and gates."""
        return self.trial.shows_routing

    @cached_property
    def certain(self) -> Array:
        """[T], True where every legal backend selects the same experts."""
        return np.asarray(self.trial.margin.certain.all(-1))

    @cached_property
    def dy(self) -> Array:
        """[..., M], zero where the selection is not certain."""
        assert self.case.dy is not None
        certain = self.certain.reshape(*self.trial.lead, 1)
        return like(self.case.dy, np.where(certain, self.case.dy, self.case.dy.dtype.type(0)))

    @cached_property
    def answer(self) -> Answer:
        """The answer to the case."""
        return self._call(self.case, self.dy)

    def later(self, case: Case | None = None, *, in_place: bool = False) -> GradientTrial:
        """The trial of a later call of ``gradients``, of the same case unless another is given.

        Raises:
            Unsound: the structure of an answer is wrong.
        """
        trial = GradientTrial(case or self.case, self.host)
        trial.trial = self.trial.later(case, in_place=in_place) if case else self.trial
        trial.answer = self._call(trial.case, trial.dy, in_place=in_place)
        if trial.violation:
            raise Unsound(trial.violation)
        return trial

    @cached_property
    def unsteady(self) -> Problem | None:
        """What differs when the same calls are made again, if anything."""
        if self.trial.unsteady:
            return self.trial.unsteady
        found = (moved(self.returned, self._call(self.case, self.dy).value) for _ in range(AGAIN))
        name = next(filter(None, found), None)
        return Problem(ProblemKind.GRADIENT_NOT_REPEATED, {"names": [name]}) if name else None

    def _call(self, case: Case, dy: Array, *, in_place: bool = False) -> Answer:
        arguments: dict[str, Any] = {"layer": case.layer, "x": case.x, "dy": dy}
        if case.mask is not None:
            arguments["mask"] = case.mask
        if not case.training and (case.frozen or FROZEN in self.host.profiles):
            arguments["training"] = False
        return self.host.call("gradients", InPlace(arguments) if in_place else arguments)

    @property
    def returned(self) -> dict[str, Array]:
        """Gradients by name."""
        found: dict[str, Array] = self.answer.value
        return found

    @cached_property
    def expected(self) -> dict[str, Bounded]:
        """Gradients by name with their bounds."""
        trial, layer = self.trial, self.case.layer
        dy = self.dy.astype(np.float64).reshape(len(trial.tokens), self.dy.shape[-1])
        with np.errstate(over="ignore", invalid="ignore"):
            return gradient_bounds(
                trial.model, trial.linear, layer, trial.tokens, dy, trial.mask, trial.ids, training=not self.case.frozen
            )

    @cached_property
    def violation(self) -> Violation | None:
        """What is wrong with names, shapes, dtypes or inputs, if anything."""
        shapes = _learned(self.case.layer) | {"x": self.case.x.shape}
        for name, shape in shapes.items():
            if wrong := self._form(name, shape):
                return wrong
        if unknown := sorted(self.returned.keys() - shapes.keys()):
            return Violation("", Problem(ProblemKind.GRADIENT_UNKNOWN, {"name": unknown[0]}))
        return harm("gradients", self.answer)

    def _form(self, name: str, shape: tuple[int, ...]) -> Violation | None:
        if name not in self.returned:
            return Violation("", Problem(ProblemKind.GRADIENT_MISSING, {"name": name}))
        part, got = f"the gradient of {name}", self.returned[name]
        dtype = self.case.x.dtype if name == "x" else self.case.layer.dtype
        if got.shape != shape:
            return Violation("SHP-1" if name == "x" else "", shape_problem(part, shape, got.shape))
        if got.dtype != dtype:
            return Violation("PRC-6", dtype_problem(part, (dtype,), got.dtype))
        return None


def _learned(layer: Layer) -> dict[str, tuple[int, ...]]:
    """The shapes of the learned parameters by name."""
    running = ("query_norm.mean", "query_norm.var")
    return {name: array.shape for name, array in layer.params.items() if name not in running}
