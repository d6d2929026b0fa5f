"""A trial of ``gradients``: the gradients of the backend, and bounds for the experts it selected."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.bounds.gradients import gradient_bounds
from peerspec.conformance.cases.case import Array, Case
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.problems import Problem, ProblemKind, Violation
from peerspec.conformance.trials.layer import Trial
from peerspec.conformance.trials.structure import dtype_problem, input_modified, shape_problem

__all__ = ["GradientTrial"]


class GradientTrial:
    """Lazy, like ``Trial``, on which it builds.

    A token gets dy = 0, and so leaves every sum, if some legal backend may select other experts for it.
    """

    def __init__(self, case: Case, host: Host) -> None:
        self.case, self.host, self.trial = case, host, Trial(case, host)

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
        return np.where(certain, self.case.dy, self.case.dy.dtype.type(0))

    @cached_property
    def answer(self) -> Answer:
        """The answer to the case."""
        return self._call()

    def repeated(self) -> dict[str, Array]:
        """Gradients by name, of one more call."""
        found: dict[str, Array] = self._call().value
        return found

    def _call(self) -> Answer:
        arguments: dict[str, Any] = {"layer": self.case.layer, "x": self.case.x, "dy": self.dy}
        if self.case.mask is not None:
            arguments["mask"] = self.case.mask
        if self.case.frozen:
            arguments["training"] = False
        return self.host.call("gradients", arguments)

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
        for name, expected in self.expected.items():
            shape = self.case.x.shape if name == "x" else expected.value.shape
            if wrong := self._form(name, shape):
                return wrong
        if unknown := sorted(self.returned.keys() - self.expected.keys()):
            return Violation("", Problem(ProblemKind.GRADIENT_UNKNOWN, {"name": unknown[0]}))
        if self.answer.modified:
            return Violation("IND-2", input_modified("gradients", self.answer.modified))
        return None

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
