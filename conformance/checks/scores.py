"""Chapter 2: scores, the sums of two half scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.bounds.stages import gathered_scores
from peerspec.conformance.cases.case import Array
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import NARROW, holds, proportional, sound, within
from peerspec.conformance.kinds import Stage
from peerspec.conformance.problems import Hint, HintKind, ProblemKind
from peerspec.conformance.trials.layer import Trial
from peerspec.reference import select_two_stage

__all__ = ["SCORE_CHECKS", "SUM_CHECKS"]


def _odd(trial: Trial) -> Iterator[Evidence]:
    """The second half of the tokens is minus the first; so are sums of inner products for any W and any layout.

    Products and magnitudes of half scores are equal for both; a score that is neither is no inner product.
    """
    first, second = np.split(trial.returned_scores, 2)
    even = np.array_equal(first, second)
    yield holds(np.array_equal(first, -second), ProblemKind.NOT_ODD, clause="" if even else "SCO-1")


def _values(trial: Trial) -> Iterator[Evidence]:
    """Scores as a multiset: with k = N all N of them, so that numbering does not matter, else those of the ids."""
    got = np.sort(trial.returned_scores, -1)
    order, all_returned = trial.scores.value.argsort(-1), got.shape[-1] == trial.case.layer.config.num_experts
    s1, s2 = trial.half_scores
    everything = (s1.value[..., :, None] + s2.value[..., None, :]).reshape(*got.shape[:-1], -1)
    values = np.sort(everything if all_returned else trial.scores.value, -1)
    expected = Bounded(values, np.take_along_axis(trial.scores.error, order, -1))

    def hints() -> tuple[Hint, ...]:
        factor = proportional(got, expected.value)
        return () if factor is None else (Hint(HintKind.SCORE_SCALE, {"factor": factor}),)

    u, exact = trial.model.u, trial.case.exact
    yield from within("the sorted score (lowest first)", got, expected, hints=hints, u=u, exact=exact)


def _scores(trial: Trial) -> Iterator[Evidence]:
    for evidence in _scores_of_ids(trial):
        if evidence.problem and _are_best(trial):
            hints = (*evidence.problem.hints, Hint(HintKind.SCORES_ARE_BEST))
            evidence = replace(evidence, clause="IDX-1", problem=replace(evidence.problem, hints=hints))
        yield evidence


def _are_best(trial: Trial) -> bool:
    """Whether the scores, apart from the ids, are the k best."""
    if not trial.finite.all():
        return False
    s1, s2 = trial.half_scores
    ids = select_two_stage(s1.value, s2.value, trial.case.layer.config.top_k).indices
    best, got = gathered_scores(trial.linear, s1, s2, ids), -np.sort(-trial.returned_scores.astype(np.float64), -1)
    return bool((np.abs(got - best.value) <= best.error).all())


def _scores_of_ids(trial: Trial) -> Iterator[Evidence]:
    quantity, got, expected = "the score of the selected expert", trial.returned_scores, trial.scores
    if trial.case.exact:  # an error larger than any rounding is not a fault of the sum
        coarse = Bounded(expected.value, expected.error + NARROW * np.abs(expected.value).max(initial=0))
        yield from within(quantity, got, coarse, _rows(trial), clause="SCO-1")
    clause = "" if trial.case.exact else "SCO-1"
    yield from within(quantity, got, expected, _rows(trial), clause=clause, u=trial.model.u, exact=trial.case.exact)


def _rows(trial: Trial) -> Array:
    return np.broadcast_to(trial.finite[:, None, None], trial.ids.shape)


SUM_CHECKS = (
    Check(
        "scores.sum",
        ("SCO-4", "SCO-1"),
        Stage.SCORE,
        "odd",
        sound(_odd),
        "Are scores sums of two inner products?",
        needs_routing=True,
    ),
)
"""Before the query, whose checks assume that scores are sums of inner products."""
SCORE_CHECKS = (
    Check(
        "scores.values",
        ("SCO-1", "PRC-2", "PRC-5"),
        Stage.SCORE,
        "whole",
        sound(_values),
        "Are scores plain inner products?",
        needs_routing=True,
    ),
    Check(
        "scores.rounding",
        ("SCO-4", "SCO-1", "SCO-3", "IDX-1", "PRC-2", "PRC-4", "PRC-5"),
        Stage.SCORE,
        "scores",
        sound(_scores),
        "Are scores within their bound, and exact on exact data?",
        needs_routing=True,
    ),
)
