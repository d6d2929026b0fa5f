"""A trial of a layer of chapter 15: the answer to one case, its gradients, and what all four layers have in common."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.bounds.comparison import BlockBounds
from peerspec.conformance.bounds.model import Model, model_for
from peerspec.conformance.cases.case import Array, ComparisonCase
from peerspec.conformance.cases.layouts import like
from peerspec.conformance.hosts.arguments import InPlace
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.problems import Problem, ProblemKind, Violation
from peerspec.conformance.trials.layer import AGAIN, Unsound
from peerspec.conformance.trials.parts import moved
from peerspec.conformance.trials.structure import dtype_problem, harm, shape_problem
from peerspec.reference import compute_dtype
from peerspec.reference.config import STATISTICS

__all__ = ["ComparisonTrial", "DenseTrial"]

Form = tuple[tuple[int, ...], tuple[np.dtype[Any], ...]]
"""The shape of a part behind the leading axes, and the dtypes that it may have."""


class ComparisonTrial:
    """Lazy, like ``Trial``; each layer has a class of its own, with what is judged beside y.

    Attributes:
        case: the case.
        model: the arithmetic PRC-4 allows in its precision.
        linear: the same, or exact on exact data (PRC-5); for logits and inner products.
    """

    routing: ClassVar[tuple[str, ...]] = ()
    """The names of the routing."""

    def __init__(self, case: ComparisonCase, host: Host) -> None:
        self.case, self.host = case, host
        self.model: Model = model_for(case.layer.dtype).returning(case.x.dtype)
        self.linear = self.model.exact() if case.exact else self.model

    @property
    def subject(self) -> ComparisonCase:
        """The case, by the name that all trials have for it."""
        return self.case

    @property
    def config(self) -> Any:
        """The configuration, of the class of the layer."""
        return self.case.layer.config

    @property
    def lead(self) -> tuple[int, ...]:
        """The leading axes."""
        return self.case.x.shape[:-1]

    @cached_property
    def finite(self) -> Array:
        """[T], True for tokens without NaN or infinity; only these have values to compare."""
        return np.asarray(np.isfinite(self._flat(self.case.x).astype(np.float64)).all(-1))

    @cached_property
    def tokens(self) -> Array:
        """[T, D] in float64; 0 for tokens that are not finite."""
        return np.where(self.finite[:, None], self._flat(self.case.x).astype(np.float64), 0)

    @cached_property
    def mask(self) -> Array:
        """[T], True where a token counts."""
        return np.ones(len(self.tokens), bool) if self.case.mask is None else self.case.mask.reshape(-1)

    @property
    def counted(self) -> Array:
        """[T], the tokens whose y is that of the formulas: all, but for mixtures those that count."""
        return np.ones(len(self.tokens), bool)

    @property
    def holds_nan(self) -> Array:
        """[T], True for tokens that hold a NaN."""
        return np.asarray(np.isnan(self._flat(self.case.x).astype(np.float64)).any(-1))

    @property
    def judged(self) -> Array:
        """[T], the tokens whose y has a value to compare, for the returned choice."""
        return self.finite if self.shows_routing else self.finite & self.certain

    # -- calls

    @cached_property
    def answer(self) -> Answer:
        """The answer to the case."""
        return self._call(self.case)

    @property
    def output(self) -> dict[str, Array]:
        """What was returned, by name."""
        found: dict[str, Array] = self.answer.value
        return found

    def returned(self, name: str) -> Array:
        """A returned part with one axis of tokens."""
        return self._flat(self.output[name], len(self.lead))

    @property
    def shows_routing(self) -> bool:
        """Whether the answer carries its routing; a dense layer has none."""
        return self.output.keys() >= set(self.routing)

    def later(self, case: ComparisonCase | None = None, *, in_place: bool = False) -> ComparisonTrial:
        """The trial of a later call, of the same case unless another is given.

        Raises:
            Unsound: the structure of its answer is wrong.
        """
        trial = type(self)(case or self.case, self.host)
        trial.answer = self._call(trial.case, in_place=in_place)
        if trial.violation:
            raise Unsound(trial.violation)
        return trial

    @cached_property
    def unsteady(self) -> Problem | None:
        """What differs when the same calls are made again, if anything."""
        found = (moved(self.output, self._call(self.case).value) for _ in range(AGAIN))
        if part := next(filter(None, found), None):
            return Problem(ProblemKind.NOT_REPEATED, {"part": part})
        return None

    def _call(self, case: ComparisonCase, *, in_place: bool = False) -> Answer:
        arguments: dict[str, Any] = {"layer": case.layer, "x": case.x}
        if case.mask is not None:
            arguments["mask"] = case.mask
        if case.training:
            arguments["training"] = True
        return self.host.call("comparison", InPlace(arguments) if in_place else arguments)

    def _flat(self, array: Array, lead: int | None = None) -> Array:
        return array.reshape(-1, *array.shape[array.ndim - 1 if lead is None else lead :])

    # -- structure

    @cached_property
    def violation(self) -> Violation | None:
        """What is wrong with names, shapes, dtypes, ids or inputs, if anything."""
        return next(self._violations(), None) or harm("comparison", self.answer)

    def _violations(self) -> Iterator[Violation]:
        forms = self.forms()
        if self.output.keys() not in (forms.keys(), forms.keys() - set(self.routing)):
            values = {"expected": list(forms), "got": sorted(self.output)}
            yield Violation("", Problem(ProblemKind.COMPARISON_NAMES, values))
            return
        for name, got in self.output.items():
            (shape, dtypes), lead = forms[name], () if name in STATISTICS else self.lead
            if got.shape != (*lead, *shape):
                yield Violation("SHP-1", shape_problem(name, (*lead, *shape), got.shape))
            if got.dtype not in dtypes:
                yield Violation("PRC-6" if name == "y" else "PRC-3", dtype_problem(name, dtypes, got.dtype))

    def forms(self) -> dict[str, Form]:
        """The form of each part by name: y, the routing, and what else there is."""
        return {"y": ((self.config.d_out,), (self.case.x.dtype,))}

    @property
    def inside(self) -> tuple[np.dtype[Any], ...]:
        """The compute dtype, as the only one of a form."""
        return (compute_dtype(self.case.layer.dtype),)

    # -- values

    @cached_property
    def certain(self) -> Array:
        """[T], True where every legal implementation makes the same choices."""
        return np.ones(len(self.tokens), bool)

    @cached_property
    def y(self) -> Bounded:
        """y [T, M] for the returned choice."""
        return self.blocks.y()

    @cached_property
    def blocks(self) -> BlockBounds:
        """The bounds of blocks, for the returned choice."""
        raise NotImplementedError

    # -- gradients

    @cached_property
    def dy(self) -> Array:
        """[..., M], zero where the choice is not certain (CNF-7)."""
        assert self.case.dy is not None
        certain = self.certain.reshape(*self.lead, 1)
        return like(self.case.dy, np.where(certain, self.case.dy, self.case.dy.dtype.type(0)))

    @cached_property
    def gradient_answer(self) -> Answer:
        """The answer of ``comparison_gradients``."""
        return self.call_gradients()

    def call_gradients(self, *, in_place: bool = False) -> Answer:
        """One call of ``comparison_gradients``, with its values in the arrays of the call before if they fit."""
        arguments: dict[str, Any] = {"layer": self.case.layer, "x": self.case.x, "dy": self.dy}
        if self.case.mask is not None:
            arguments["mask"] = self.case.mask
        if not self.case.training and getattr(self.config, "query_norm", "") == "batch":
            arguments["training"] = False
        return self.host.call("comparison_gradients", InPlace(arguments) if in_place else arguments)

    @cached_property
    def gradient_violation(self) -> Violation | None:
        """What is wrong with names, shapes, dtypes or inputs of the gradients, if anything."""
        learned = {name: array for name, array in self.case.layer.params.items() if name not in STATISTICS}
        arrays, got = learned | {"x": self.case.x}, self.gradient_answer.value
        if got.keys() != arrays.keys():
            values = {"expected": sorted(arrays), "got": sorted(got)}
            return Violation("", Problem(ProblemKind.COMPARISON_GRADIENTS, values))
        for name, array in arrays.items():
            part = f"the gradient of {name}"
            if got[name].shape != array.shape:
                return Violation("", shape_problem(part, array.shape, got[name].shape))
            if got[name].dtype != array.dtype:
                return Violation("PRC-6", dtype_problem(part, (array.dtype,), got[name].dtype))
        return harm("comparison_gradients", self.gradient_answer)

    @property
    def flat_dy(self) -> Array:
        """[T, M] in float64."""
        return self._flat(self.dy).astype(np.float64)

    @cached_property
    def gradients(self) -> dict[str, Bounded]:
        """Gradients by name with their bounds, for the returned choice."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.blocks.gradients(self.flat_dy)


class DenseTrial(ComparisonTrial):
    """The trial of a dense layer, which chooses nothing."""

    @cached_property
    def blocks(self) -> BlockBounds:
        """The bounds of the one block."""
        everywhere = np.ones((len(self.tokens), 1), bool)
        return BlockBounds(self.model, self.linear, self.case.layer, self.tokens, everywhere)
