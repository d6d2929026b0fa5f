"""A trial of ``adapt`` and ``adapter_gradients``: the answers to one case, and the values to judge them by."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from peerspec.conformance.bounds.adapter import adapted, adapter_gradient_bounds
from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.bounds.gates import gates_of_y, gates_of_y_beside
from peerspec.conformance.bounds.gradients import Routing
from peerspec.conformance.cases.adapter_case import AdapterCase
from peerspec.conformance.cases.case import Array, Case
from peerspec.conformance.cases.layouts import like
from peerspec.conformance.hosts.arguments import InPlace
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.problems import Problem, ProblemKind, Violation
from peerspec.conformance.trials.layer import AGAIN, Trial, Unsound
from peerspec.conformance.trials.parts import moved
from peerspec.conformance.trials.structure import dtype_problem, harm, shape_problem
from peerspec.reference import Output
from peerspec.reference.config import STATISTICS

__all__ = ["AdapterTrial"]

ROUTING = ("scores", "indices", "gates")


class AdapterTrial:
    """Lazy, like ``Trial``, on which it builds: the routing of an adapter is judged as that of a layer.

    Attributes:
        case: the case.
    """

    def __init__(self, case: AdapterCase, host: Host) -> None:
        self.case, self.host = case, host

    @property
    def subject(self) -> AdapterCase:
        """The case, by the name that all trials have for it."""
        return self.case

    @property
    def shows_routing(self) -> bool:
        """Whether the answer of ``adapt`` carries scores, ids and gates."""
        return self.routed.shows_routing

    # -- the answer of ``adapt``

    @cached_property
    def answer(self) -> Answer:
        """The answer to the case."""
        return self._call(self.case)

    def _call(self, case: AdapterCase, *, in_place: bool = False) -> Answer:
        arguments: dict[str, Any] = {"adapter": case.adapter, "bases": dict(case.bases), "x": case.x}
        if case.training:
            arguments["training"] = True
        return self.host.call("adapt", InPlace(arguments) if in_place else arguments)

    def later(self, case: AdapterCase, *, in_place: bool = False) -> AdapterTrial:
        """The trial of a later call.

        Args:
            case: its case.
            in_place: whether its values are written into the arrays of the call before, if they fit.

        Raises:
            Unsound: the structure of its answer is wrong.
        """
        trial = AdapterTrial(case, self.host)
        trial.answer = self._call(case, in_place=in_place)
        if trial.violation:
            raise Unsound(trial.violation)
        return trial

    @property
    def returned(self) -> dict[str, Array]:
        """What ``adapt`` returned, by name."""
        found: dict[str, Array] = self.answer.value
        return found

    def y(self, target: str) -> Array:
        """[T, M_τ] as returned."""
        array = self.returned[f"y.{target}"]
        return array.reshape(-1, array.shape[-1])

    @cached_property
    def routed(self) -> Trial:
        """The trial of the router, whose answer is the routing that ``adapt`` returned."""
        trial = Trial(self.case, self.host)
        y = np.zeros((*self.case.x.shape[:-1], self.case.layer.config.d_out), self.case.x.dtype)
        state = _state(self.case)  # which an adapter does not return
        trial.answer = Answer(Output(y, **{name: self.returned.get(name) for name in ROUTING}, state=state))
        return trial

    @cached_property
    def of_layer(self) -> Trial:
        """The trial of ``forward`` for a layer with the parameters of the router."""
        return Trial(self.case, self.host)

    @cached_property
    def violation(self) -> Violation | None:
        """What is wrong with names, shapes, dtypes, ids or inputs, if anything."""
        return next(self._violations(), None)

    def _violations(self) -> Iterator[Violation]:
        shapes = {f"y.{name}": (*self.case.x.shape[:-1], len(base.weight)) for name, base in self.case.bases.items()}
        got = self.returned.keys() - {*ROUTING}
        if got != shapes.keys():
            yield _names(ProblemKind.ADAPTED_NAMES, "", shapes.keys(), self.returned)
            return
        for name, shape in shapes.items():
            yield from _form(name, self.returned[name], shape, self.case.x.dtype, "SHP-1")
        yield from self.routed.structure
        if wrong := harm("adapt", self.answer):
            yield _of_bases(wrong)

    @cached_property
    def expected(self) -> dict[str, Bounded]:
        """y by target for the gates of the reference."""
        return self._expected(gates_of_y(self.routed.model, self.case.layer.config.gate, self.routed.scores))

    @cached_property
    def expected_of_returned(self) -> dict[str, Bounded]:
        """y by target for the gates that the backend returned."""
        trial, gates = self.routed, self.routed.returned_gates.astype(np.float64)
        return self._expected(gates_of_y_beside(trial.model, self.case.layer.config.gate, gates, trial.scores.value))

    def _expected(self, gates: Bounded) -> dict[str, Bounded]:
        trial, case = self.routed, self.case
        return adapted(trial.model, trial.linear, case.adapter, case.bases, trial.tokens, trial.ids, gates)

    @cached_property
    def unsteady(self) -> Problem | None:
        """What differs when the same calls are made again, if anything."""
        calls = [(self.returned, self._call(self.case).value) for _ in range(AGAIN)]
        if "gradient_answer" in vars(self):
            calls += [(self.returned_gradients, self._gradients(self.case).value) for _ in range(AGAIN)]
        name = next(filter(None, (moved(first, second) for first, second in calls)), None)
        return Problem(ProblemKind.ADAPTER_NOT_REPEATED, {"name": name}) if name else None

    # -- the answer of ``adapter_gradients``

    @cached_property
    def certain(self) -> Array:
        """[T], True where every legal backend selects the same experts."""
        return np.asarray(self.routed.margin.certain.all(-1))

    @cached_property
    def dy(self) -> dict[str, Array]:
        """[..., M_τ] by target, zero where the selection is not certain."""
        certain = self.certain.reshape(*self.case.x.shape[:-1], 1)
        return {name: like(dy, np.where(certain, dy, dy.dtype.type(0))) for name, dy in self.case.upstream.items()}

    @cached_property
    def gradient_answer(self) -> Answer:
        """The gradients of the case."""
        return self._gradients(self.case)

    def _gradients(self, case: AdapterCase, *, in_place: bool = False) -> Answer:
        arguments: dict[str, Any] = {"adapter": case.adapter, "bases": dict(case.bases), "x": case.x, "dy": self.dy}
        arguments |= {"training": False} if case.frozen else {}
        return self.host.call("adapter_gradients", InPlace(arguments) if in_place else arguments)

    def gradients_again(self, *, in_place: bool = False) -> Answer:
        """The answer to one more call for the same gradients, in the old arrays if they fit."""
        return self._gradients(self.case, in_place=in_place)

    def later_gradients(self, case: AdapterCase, *, in_place: bool) -> AdapterTrial:
        """The trial of later calls of ``adapt`` and ``adapter_gradients``; as ``later``."""
        trial = self.later(case, in_place=in_place)
        trial.gradient_answer = trial.gradients_again(in_place=in_place)
        if trial.gradient_violation:
            raise Unsound(trial.gradient_violation)
        return trial

    @property
    def returned_gradients(self) -> dict[str, Array]:
        """Gradients by name."""
        found: dict[str, Array] = self.gradient_answer.value
        return found

    @cached_property
    def gradient_violation(self) -> Violation | None:
        """What is wrong with names, shapes, dtypes or inputs of gradients, if anything."""
        return next(self._gradient_violations(), None)

    def _gradient_violations(self) -> Iterator[Violation]:
        params = {name: part for name, part in self.case.adapter.params.items() if name not in STATISTICS}
        arrays = params | {"x": self.case.x}
        if self.returned_gradients.keys() != arrays.keys():
            yield _names(ProblemKind.ADAPTER_GRADIENT_NAMES, "ADP-5", arrays.keys(), self.returned_gradients)
            return
        for name, array in arrays.items():
            part = f"the gradient of {name}"
            yield from _form(
                part, self.returned_gradients[name], array.shape, array.dtype, "SHP-1" if name == "x" else ""
            )
        if wrong := harm("adapter_gradients", self.gradient_answer):
            yield _of_bases(wrong)

    @cached_property
    def expected_gradients(self) -> dict[str, Bounded]:
        """Gradients by name with their bounds."""
        trial, case = self.routed, self.case
        dy = {name: part.reshape(-1, part.shape[-1]).astype(np.float64) for name, part in self.dy.items()}
        routing = Routing(trial.ids, trial.query, trial.scores, trial.gates)
        return adapter_gradient_bounds(
            trial.model,
            trial.linear,
            case.adapter,
            case.bases,
            trial.tokens,
            dy,
            routing,
            training=not case.frozen,
        )


def _state(case: Case) -> dict[str, Array] | None:
    """A state of the right form where ``forward`` returns one."""
    config = case.layer.config
    if config.query_norm != "batch" or not case.training:
        return None
    return {name: np.zeros((config.heads, config.d_key), case.layer.params[name].dtype) for name in STATISTICS}


def _names(kind: ProblemKind, clause: str, expected: Collection[str], got: Collection[str]) -> Violation:
    return Violation(clause, Problem(kind, {"expected": sorted(expected), "got": sorted(got)}))


def _form(part: str, got: Array, shape: tuple[int, ...], dtype: Any, clause: str) -> Iterator[Violation]:
    if got.shape != shape:
        yield Violation(clause, shape_problem(part, shape, got.shape))
    elif got.dtype != dtype:
        yield Violation("PRC-6", dtype_problem(part, (dtype,), got.dtype))


def _of_bases(wrong: Violation) -> Violation:
    """A base that changed breaks the clause on bases, and not that on inputs."""
    names = wrong.problem.values["names"]
    return wrong._replace(clause="ADP-5") if all(name.startswith("bases.") for name in names) else wrong
