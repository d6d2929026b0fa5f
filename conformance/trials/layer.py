"""A trial of ``forward``: the answer to one case, and the values computed to judge it, each computed once."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from peerspec.conformance.bounds import stages
from peerspec.conformance.bounds.bounded import Bounded, given
from peerspec.conformance.bounds.gates import gate_bounds, gates_of_y, gates_of_y_beside
from peerspec.conformance.bounds.model import Model, model_for
from peerspec.conformance.bounds.query_norm import Normed, query_normed
from peerspec.conformance.bounds.selection import Margin, margins
from peerspec.conformance.cases.case import Array, Case
from peerspec.conformance.hosts.arguments import InPlace
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.problems import Problem, ProblemKind, Violation
from peerspec.conformance.trials.parts import moved
from peerspec.conformance.trials.structure import harm, violations
from peerspec.reference import Output, select_two_stage

__all__ = ["AGAIN", "Trial", "Unsound"]

AGAIN = 3
"""How often a call is made again before a formula is blamed; one of two orders is taken in all with 1 in 8."""


class Unsound(Exception):  # noqa: N818 - no error of the program but evidence on its way to the report
    """The structure of the answer to a later call is wrong."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation)
        self.violation = violation


class Trial:
    """Lazy: each property is computed once, when a check first uses it.

    Attributes:
        case: the case.
        model: the arithmetic PRC-4 allows in its precision.
        linear: the same, or exact on exact data (PRC-5); for queries, half scores, scores and inner products.
    """

    def __init__(self, case: Case, host: Host) -> None:
        self.case, self.host = case, host
        self.model: Model = model_for(case.layer.dtype).returning(case.x.dtype)
        self.linear = self.model.exact() if case.exact else self.model

    def forward(self, x: Array | None = None, layer: Any = None, *, masked: bool = True) -> Output:
        """The answer to one more call, with other tokens, another layer or without the mask if so given.

        Raises:
            Unsound: the structure of this answer is wrong.
        """
        case = replace(self.case, x=self.case.x if x is None else x, layer=layer or self.case.layer)
        return self.later(case if masked else replace(case, mask=None)).output

    def later(self, case: Case | None = None, *, in_place: bool = False) -> Trial:
        """The trial of a later call, of the same case unless another is given.

        Args:
            case: the other case.
            in_place: whether its values are written into the arrays of the call before, if they fit.

        Raises:
            Unsound: the structure of its answer is wrong.
        """
        trial = Trial(case or self.case, self.host)
        trial.answer = self._call(trial.case, in_place=in_place)
        wrong = trial.structure[0] if trial.structure else harm("forward", trial.answer)
        if wrong:
            raise Unsound(wrong)
        return trial

    def _call(self, case: Case, *, in_place: bool = False) -> Answer:
        arguments: dict[str, Any] = {"layer": case.layer, "x": case.x}
        if case.mask is not None:
            arguments["mask"] = case.mask
        if case.training:
            arguments["training"] = True
        return self.host.call("forward", InPlace(arguments) if in_place else arguments)

    @property
    def subject(self) -> Case:
        """The case, by the name that all trials have for it."""
        return self.case

    @cached_property
    def answer(self) -> Answer:
        """The answer to the case."""
        return self._call(self.case)

    @cached_property
    def unsteady(self) -> Problem | None:
        """What differs when the same call is made again, if anything."""
        found = (moved(self.output, self._call(self.case).value) for _ in range(AGAIN))
        part = next(filter(None, found), None)
        return Problem(ProblemKind.NOT_REPEATED, {"part": part}) if part else None

    @property
    def output(self) -> Output:
        """The returned output."""
        out: Output = self.answer.value
        return out

    @cached_property
    def lead(self) -> tuple[int, ...]:
        """The leading axes."""
        return self.case.x.shape[:-1]

    @cached_property
    def tokens(self) -> Array:
        """[T, D] in float64."""
        return self.case.x.reshape(-1, self.case.x.shape[-1]).astype(np.float64)

    @cached_property
    def mask(self) -> Array:
        """[T], True where a token counts."""
        mask = np.ones(self.lead, bool) if self.case.mask is None else self.case.mask
        return mask.reshape(-1)

    @cached_property
    def finite(self) -> Array:
        """[T], True for tokens without NaN or infinity; only these have values to compare."""
        return np.asarray(np.isfinite(self.tokens).all(-1))

    @cached_property
    def structure(self) -> list[Violation]:
        """What is wrong with the structure of the answer."""
        return violations(self.case, self.output)

    @property
    def shows_routing(self) -> bool:
        """Whether the answer carries scores, ids and gates."""
        return self.output.indices is not None

    @cached_property
    def ids(self) -> Array:
        """[T, h, k]: the ids of the backend; those of the reference if the backend shows none."""
        if self.output.indices is None:
            s1, s2 = self.half_scores
            return select_two_stage(s1.value, s2.value, self.case.layer.config.top_k).indices
        return self._routing("indices").astype(np.int64)

    def _routing(self, name: str) -> Array:
        config = self.case.layer.config
        return np.asarray(getattr(self.output, name)).reshape(-1, config.heads, config.top_k)

    @cached_property
    def query(self) -> Normed:
        """The query after its norm."""
        layer, tokens = self.case.layer, np.where(self.finite[:, None], self.tokens, 0)
        raw = stages.query(self.linear, layer, tokens)
        return query_normed(self.model, layer, raw, self.mask, training=self.case.training)

    @cached_property
    def half_scores(self) -> tuple[Bounded, Bounded]:
        """s₁ and s₂, [T, h, n]."""
        return stages.half_scores(self.linear, self.case.layer, self.query.q)

    @cached_property
    def scores(self) -> Bounded:
        """Scores of the ids, [T, h, k]."""
        return stages.gathered_scores(self.linear, *self.half_scores, self.ids)

    @cached_property
    def margin(self) -> Margin:
        """The selected experts compared with the omitted ones."""
        return margins(self.linear, *self.half_scores, self.ids)

    @cached_property
    def certain_for_all(self) -> Array:
        """[T], True where every legal backend selects the same experts, whether or not this backend selected them."""
        s1, s2 = self.half_scores
        ids = select_two_stage(s1.value, s2.value, self.case.layer.config.top_k).indices
        return np.asarray(margins(self.linear, s1, s2, ids).certain.all(-1))

    @cached_property
    def returned_scores(self) -> Array:
        """[T, h, k] as the backend returned them."""
        return self._routing("scores")

    @cached_property
    def returned_gates(self) -> Array:
        """[T, h, k] as the backend returned them."""
        return self._routing("gates")

    @cached_property
    def gates_of_returned(self) -> Bounded:
        """Gates of the returned scores; the backend may have used these scores before a last rounding."""
        scores = np.where(self.finite[:, None, None], self.returned_scores, 0).astype(np.float64)
        rounded = given(scores, self.model.u * np.abs(scores))
        return gate_bounds(self.model, self.case.layer.config.gate, rounded)

    @cached_property
    def gates(self) -> Bounded:
        """Gates of the scores of the ids as the reference has them."""
        return gate_bounds(self.model, self.case.layer.config.gate, self.scores)

    @cached_property
    def weights(self) -> Bounded:
        """[T, h, k]: the factor of v besides the gate."""
        tokens = np.where(self.finite[:, None], self.tokens, 0)
        return stages.pair_weights(self.model, self.linear, self.case.layer, tokens, self.ids)

    @cached_property
    def y_of_returned(self) -> Bounded:
        """y of the returned gates, beside which the backend may have computed those of y in another legal way."""
        gates = np.where(self.finite[:, None, None], self.returned_gates, 0).astype(np.float64)
        return self._output(gates_of_y_beside(self.model, self.case.layer.config.gate, gates, self.scores.value))

    @cached_property
    def y(self) -> Bounded:
        """y of the reference for the ids."""
        return self._output(gates_of_y(self.model, self.case.layer.config.gate, self.scores))

    def _output(self, gates: Bounded) -> Bounded:
        return stages.output(self.model, self.case.layer, self.weights, gates, self.ids)

    @cached_property
    def returned_y(self) -> Array:
        """[T, M] as returned."""
        return self.output.y.reshape(-1, self.case.layer.config.d_out)
