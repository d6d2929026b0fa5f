"""A trial of ``grow``: the layer of a case with more experts, at once and by steps."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from peerspec.conformance.cases.case import Array, Case
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.problems import Problem, ProblemKind, Violation
from peerspec.conformance.trials.layer import AGAIN, Unsound
from peerspec.conformance.trials.parts import moved
from peerspec.conformance.trials.structure import dtype_problem, harm, shape_problem
from peerspec.reference import Layer, PeerConfig, PeerError, parameter_dtype
from peerspec.reference.growth import grown_config

__all__ = ["SEEDS", "GrowthTrial"]

SEEDS = (11, 0)
"""The seeds of new values: the first one, unless a call names another; and one that counts as False."""


class GrowthTrial:
    """Lazy, like ``Trial``.

    Attributes:
        case: the case; its tokens are not used.
    """

    shows_routing = True

    def __init__(self, case: Case, host: Host) -> None:
        self.case, self.host = case, host

    @property
    def subject(self) -> Case:
        """The case, by the name that all trials have for it."""
        return self.case

    @property
    def config(self) -> PeerConfig:
        """The configuration before growth."""
        return self.case.layer.config

    @cached_property
    def steps(self) -> tuple[int, int]:
        """Numbers of experts to grow to: n + 1 sub-keys per half, which is no multiple of n, and more than twice n."""
        n = self.config.n
        return (n + 1) ** 2, (2 * n + 1) ** 2

    @cached_property
    def answer(self) -> Answer:
        """The answer to growing at once."""
        return self._call(self.case.layer, self.steps[1])

    @cached_property
    def violation(self) -> Violation | None:
        """What is wrong with names, shapes, dtypes or inputs, if anything."""
        return self._form(self.answer, self.steps[1])

    @property
    def grown(self) -> dict[str, Array]:
        """The parameters after growing at once."""
        found: dict[str, Array] = self.answer.value
        return found

    def call(self, layer: Layer, num_experts: int, seed: int = SEEDS[0]) -> dict[str, Array]:
        """The parameters after one more call.

        Raises:
            Unsound: the structure of the answer is wrong.
        """
        answer = self._call(layer, num_experts, seed)
        if wrong := self._form(answer, num_experts):
            raise Unsound(wrong)
        params: dict[str, Array] = answer.value
        return params

    def layer(self, params: dict[str, Array], num_experts: int) -> Layer | Problem:
        """The layer of grown parameters, or why they are none."""
        try:
            return Layer(grown_config(self.config, num_experts), params)
        except PeerError as error:
            return Problem(ProblemKind.GROWN_NO_LAYER, {"experts": num_experts, "reason": str(error)})

    @cached_property
    def unsteady(self) -> Problem | None:
        """What differs when the same call is made again, if anything."""
        found = (moved(self.grown, self._call(self.case.layer, self.steps[1]).value) for _ in range(AGAIN))
        name = next(filter(None, found), None)
        return Problem(ProblemKind.GROWTH_NOT_REPEATED, {"name": name}) if name else None

    def refuses(self, num_experts: int) -> bool:
        """Whether a number of experts is refused; raises a ``Fault`` that is no refusal."""
        try:
            self._call(self.case.layer, num_experts)
        except Fault as fault:
            if not fault.refused:
                raise
            return True
        return False

    def _call(self, layer: Layer, num_experts: int, seed: int = SEEDS[0]) -> Answer:
        arguments: dict[str, Any] = {"layer": layer, "num_experts": num_experts, "seed": seed}
        return self.host.call("grow", arguments)

    def _form(self, answer: Answer, num_experts: int) -> Violation | None:
        shapes, dtype = grown_config(self.config, num_experts).shapes(), self.case.layer.dtype
        if answer.value.keys() != shapes.keys():
            values = {"expected": sorted(shapes), "got": sorted(answer.value)}
            return Violation("", Problem(ProblemKind.GROWN_NAMES, values))
        for name, shape in shapes.items():
            got, wanted = answer.value[name], parameter_dtype(name, dtype)
            if got.shape != shape:
                return Violation("", shape_problem(f"{name} of the grown layer", shape, got.shape))
            if got.dtype != wanted:
                return Violation("", dtype_problem(f"{name} of the grown layer", (wanted,), got.dtype))
        return harm("grow", answer)
