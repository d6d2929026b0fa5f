"""A trial of ``train``: the layer of a case after steps, of which some may change a part of it alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array, Case
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.problems import Problem, ProblemKind, Violation
from peerspec.conformance.trials.layer import AGAIN, Unsound
from peerspec.conformance.trials.parts import moved
from peerspec.conformance.trials.structure import dtype_problem, harm, shape_problem
from peerspec.reference import PeerConfig, Trainable

__all__ = ["PARTS", "Part", "TrainableTrial"]


@dataclass(frozen=True)
class Part:
    """One trainable part by name; its masks follow from the configuration."""

    name: str
    experts: bool
    keys: bool
    query: bool
    query_norm: bool
    statistics: bool

    def of(self, config: PeerConfig) -> Trainable:
        """Two of three experts, and every second sub-key, another one in each half and key set."""
        experts = np.arange(config.num_experts) % 3 != 1
        head, half, row = np.ogrid[: config.key_heads, :2, : config.n]
        keys = (head + half + row) % 2 == 0
        return Trainable(experts & self.experts, keys & self.keys, self.query, self.query_norm, self.statistics)


PARTS = (
    Part("some experts and sub-keys", True, True, False, False, False),
    Part("some experts alone", True, False, False, False, True),
    Part("the router alone", False, True, True, True, True),
    Part("nothing", False, False, False, False, False),
    Part("the query maps alone", False, False, True, False, False),
    Part("some experts and the query norm", True, False, False, True, False),
    Part("all but the running statistics", True, True, True, True, False),
)
"""Two kinds of parameters, one frozen and one not, in all four ways, for any two kinds."""
WHOLE = Trainable()


class TrainableTrial:
    """Lazy, like ``Trial``. The case has tokens and dy [S, T, ...] of S steps.

    Attributes:
        case: the case.
    """

    shows_routing = True

    def __init__(self, case: Case, host: Host) -> None:
        self.case, self.host = case, host
        self._after: dict[tuple[str, int, int], dict[str, Array]] = {}

    @property
    def subject(self) -> Case:
        """The case, by the name that all trials have for it."""
        return self.case

    @property
    def steps(self) -> int:
        """S."""
        return len(self.case.x)

    @cached_property
    def answer(self) -> Answer:
        """The answer to all steps on the whole layer."""
        return self._call([WHOLE] * self.steps)

    @cached_property
    def violation(self) -> Violation | None:
        """What is wrong with names, shapes, dtypes or inputs, if anything."""
        return self._form(self.answer)

    def after(self, part: Part, *, whole: int, steps: int) -> dict[str, Array]:
        """The parameters after some steps, of which the first ones train the whole layer and the others a part.

        Raises:
            Unsound: the structure of the answer is wrong.
        """
        key = (part.name if steps > whole else "", whole, steps)
        if key not in self._after:
            parts = [WHOLE] * whole + [part.of(self.case.layer.config)] * (steps - whole)
            answer = self._call(parts)
            if wrong := self._form(answer):
                raise Unsound(wrong)
            self._after[key] = answer.value
        return self._after[key]

    @cached_property
    def unsteady(self) -> Problem | None:
        """What differs when the same call is made again, if anything."""
        found = (moved(self.answer.value, self._call([WHOLE] * self.steps).value) for _ in range(AGAIN))
        name = next(filter(None, found), None)
        return Problem(ProblemKind.TRAINING_NOT_REPEATED, {"name": name}) if name else None

    def _call(self, parts: list[Trainable]) -> Answer:
        config, count = self.case.layer.config, len(parts)
        assert self.case.dy is not None
        masks = [part.masks(config) for part in parts]
        experts = [np.broadcast_to(found["experts.u"][:, 0], config.num_experts) for found in masks]
        arguments: dict[str, Any] = {"layer": self.case.layer, "x": self.case.x[:count], "dy": self.case.dy[:count]}
        arguments |= {"experts": np.array(experts), "keys": np.array([found["keys"][..., 0] for found in masks])}
        arguments |= {name: np.array([getattr(part, name) for part in parts]) for name in _WHOLES}
        return self.host.call("train", arguments)

    def _form(self, answer: Answer) -> Violation | None:
        params = self.case.layer.params
        if answer.value.keys() != params.keys():
            values = {"expected": sorted(params), "got": sorted(answer.value)}
            return Violation("", Problem(ProblemKind.TRAINED_NAMES, values))
        for name, old in params.items():
            new = answer.value[name]
            if new.shape != old.shape:
                return Violation("", shape_problem(f"{name} of the trained layer", old.shape, new.shape))
            if new.dtype != old.dtype:
                return Violation("", dtype_problem(f"{name} of the trained layer", (old.dtype,), new.dtype))
        return harm("train", answer)


_WHOLES = ("query", "query_norm", "statistics")
