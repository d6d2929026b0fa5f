"""A trial of ``gradients``: the backend's gradients and the bounds on the experts it selected."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.bounds.gradients import gradient_bounds
from peerspec.conformance.cases.case import Array, Case
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.trials.layer import Trial

__all__ = ["GradientTrial"]


class GradientTrial:
    """Lazy, like ``Trial``, on which it builds.

    A token whose selection some legal backend may make otherwise gets dy = 0 and so drops out of every sum.
    """

    def __init__(self, case: Case, host: Host) -> None:
        self.case, self.host, self.trial = case, host, Trial(case, host)

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
        """What the backend returned."""
        return self._call()

    def again(self) -> dict[str, Array]:
        """Gradients by name, asked once more."""
        found: dict[str, Array] = self._call().value
        return found

    def _call(self) -> Answer:
        arguments = {"layer": self.case.layer, "x": self.case.x, "dy": self.dy}
        if self.case.mask is not None:
            arguments["mask"] = self.case.mask
        return self.host.call("gradients", arguments)

    @property
    def returned(self) -> dict[str, Array]:
        """Gradients by name."""
        found: dict[str, Array] = self.answer.value
        return found

    @cached_property
    def expected(self) -> dict[str, Bounded]:
        """Gradients with their bounds."""
        trial = self.trial
        dy = self.dy.astype(np.float64).reshape(len(trial.tokens), self.dy.shape[-1])
        with np.errstate(over="ignore", invalid="ignore"):
            return gradient_bounds(trial.model, trial.linear, self.case.layer, trial.tokens, dy, trial.mask, trial.ids)

    @cached_property
    def problem(self) -> str:
        """What is wrong with names, shapes and formats, if anything."""
        for name, expected in self.expected.items():
            if name not in self.returned:
                return f"gradients() must return the gradient of {name}"
            got = self.returned[name]
            shape = self.case.x.shape if name == "x" else expected.value.shape
            if got.shape != shape:
                return f"the gradient of {name} must have shape {shape}, got {got.shape}"
            if got.dtype != self.case.layer.dtype:
                return f"the gradient of {name} must have the format {self.case.layer.dtype}, got {got.dtype}"
        unknown = sorted(self.returned.keys() - self.expected.keys())
        if unknown:
            return f"gradients() returned {unknown[0]!r}, which is not a learned parameter of this layer or x"
        return f"gradients() modified its input {', '.join(self.answer.modified)}" if self.answer.modified else ""
