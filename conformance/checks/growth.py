"""The profile ``growth``: old experts keep their bits, and growing by steps is growing at once."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt
from typing import Any

from peerspec.conformance.cases.case import Array
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.bits import differing, first_place
from peerspec.conformance.checks.evidence import blocked, holds, violated
from peerspec.conformance.kinds import Stage, TrialKind
from peerspec.conformance.problems import Problem, ProblemKind
from peerspec.conformance.trials.growth import SEEDS, GrowthTrial
from peerspec.reference import grown_ids
from peerspec.reference.growth import growing

__all__ = ["GROWTH_CHECKS"]


def _rows(trial: GrowthTrial) -> Iterator[Evidence]:
    if trial.violation:
        yield violated(trial.violation)
        return
    whole = trial.layer(trial.grown, trial.steps[1])
    yield holds(not isinstance(whole, Problem), ProblemKind.GROWN_NO_LAYER, **_values(whole))
    same = trial.call(trial.case.layer, trial.config.num_experts)
    for params, experts in ((trial.grown, trial.steps[1]), (same, trial.config.num_experts)):
        for name, array in trial.case.layer.params.items():
            kept = _kept(trial, name, params[name])
            other = differing(array, kept)
            yield holds(not other.any(), ProblemKind.GROWN_BITS, name=name, experts=experts, at=first_place(other))


def _values(found: object) -> dict[str, Any]:
    return dict(found.values) if isinstance(found, Problem) else {}


def _kept(trial: GrowthTrial, name: str, array: Array) -> Array:
    """The entries of a grown parameter that belong to the old layer, in its shape."""
    n = trial.config.n
    if name not in growing(trial.config):
        return array
    return array[:, :, :n] if name == "keys" else array[grown_ids(n, isqrt(len(array)))]


FEW = 1024
"""Experts of a layer that grows with each seed; one of more grows with the first."""


def _steps(trial: GrowthTrial) -> Iterator[Evidence]:
    """The new values of an expert depend on its sub-keys and the seed, and not on where growth begins or ends."""
    if trial.violation:
        yield blocked(trial.violation.problem, trial.violation.clause)
        return
    few, many = trial.steps
    for seed in SEEDS if trial.case.layer.config.num_experts < FEW else SEEDS[:1]:
        between = trial.layer(trial.call(trial.case.layer, few, seed), few)
        if isinstance(between, Problem):
            yield blocked(between, "GRW-1")
            return
        at_once = trial.grown if seed == SEEDS[0] else trial.call(trial.case.layer, many, seed)
        by_steps = trial.call(between, many, seed)
        for name, array in at_once.items():
            other = differing(array, by_steps[name])
            values: dict[str, Any] = {"name": name, "few": few, "many": many, "at": first_place(other)}
            yield holds(not other.any(), ProblemKind.GROWN_BY_STEPS, **values)


def _refusal(trial: GrowthTrial) -> Iterator[Evidence]:
    n = trial.config.n
    smaller = [(n - 1) ** 2] if n > 1 else []
    for number in (n * n + 1, (n + 2) ** 2 - 1, *smaller):
        yield holds(trial.refuses(number), ProblemKind.GROWTH_NOT_REFUSED, experts=n * n, wanted=number)


GROWTH_CHECKS = tuple(
    Check(id, clauses, Stage.PARAMETERS, "growth", examine, summary, profile="growth", trial=TrialKind.GROWTH)
    for id, clauses, examine, summary in (
        ("growth.rows", ("GRW-1", "IND-2", "IND-4"), _rows, "Do old sub-keys and experts keep their bits?"),
        ("growth.steps", ("GRW-3", "IND-3"), _steps, "Does growing by steps give the layer of growing at once?"),
        ("growth.refusal", ("GRW-2",), _refusal, "Are a smaller layer and a number that is no square refused?"),
    )
)
