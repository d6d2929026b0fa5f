"""Chapter 4, the sum: heads, gates, repeated experts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import holds, proportional, sound, within
from peerspec.conformance.kinds import Stage
from peerspec.conformance.problems import Hint, HintKind, ProblemKind
from peerspec.conformance.trials.layer import Trial
from peerspec.reference import Layer

__all__ = ["LINEAR_CHECKS", "OUTPUT_CHECKS", "examine_y"]


def examine_y(trial: Trial, quantity: str = "y", *, narrow: bool = True) -> Iterator[Evidence]:
    """y of the returned gates, then of the reference's gates on the same ids.

    Without routing, y of the reference, for tokens that every legal backend routes alike.
    """
    u, got = trial.model.u * narrow, trial.returned_y
    where = np.broadcast_to(trial.finite[:, None], got.shape)
    if not trial.shows_routing:
        where = where & np.asarray(trial.margin.certain.all(-1))[:, None]
        yield from within(quantity, got, trial.y, where, hints=lambda: _factor(trial), u=u)
        return
    yield from within(quantity, got, trial.y_of_returned, where, hints=lambda: _factor(trial), u=u)
    fits = Hint(HintKind.RETURNED_GATES_FIT)
    yield from within(quantity, got, trial.y, where, clause="GAT-1", hints=lambda: (fits, *_factor(trial)), u=u)


def _factor(trial: Trial) -> tuple[Hint, ...]:
    """The constant factor of y, and what a factor 1/h means."""
    factor = proportional(trial.returned_y, trial.y.value)
    if factor is None:
        return ()
    averaged = abs(factor * trial.case.layer.config.heads - 1) < 1e-3
    cause = (Hint(HintKind.HEADS_AVERAGED),) if averaged else ()
    return Hint(HintKind.FACTOR, {"factor": factor}), *cause


def _sum(trial: Trial) -> Iterator[Evidence]:
    for evidence in examine_y(trial):
        averaged = evidence.problem and evidence.problem.has(HintKind.HEADS_AVERAGED)
        yield replace(evidence, clause="OUT-2") if averaged else evidence


def _twins(trial: Trial) -> Iterator[Evidence]:
    yield from examine_y(trial, "y where two heads choose every expert,")


def _linear(trial: Trial) -> Iterator[Evidence]:
    """Scaling v by two is exact, so y doubles bit for bit unless something underflows; with v = 0 it is zero.

    Underflow costs the least normal number, once for the return of y and once for each of the h·k products with v and
    their sums.
    """
    layer, model = trial.case.layer, trial.model
    lost = model.tiny_in + 2 * layer.config.heads * layer.config.top_k * model.tiny
    for factor in (2.0, 0.0):
        v = (layer.params["experts.v"] * layer.dtype.type(factor)).astype(layer.dtype)
        got = trial.forward(layer=Layer(layer.config, dict(layer.params) | {"experts.v": v})).y
        expected = trial.returned_y.astype(np.float64) * factor
        off = np.abs(got.reshape(expected.shape).astype(np.float64) - expected)
        linear = bool((off <= (factor + 1) * lost * (factor > 0)).all())
        yield holds(linear, ProblemKind.NOT_LINEAR, factor=factor)


LINEAR_CHECKS = (
    Check(
        "output.linear",
        ("OUT-2",),
        Stage.ACCUMULATION,
        "linear",
        sound(_linear),
        "Is y linear in v, with nothing added?",
    ),
)
OUTPUT_CHECKS = (
    Check(
        "output.heads",
        ("OUT-1", "OUT-2", "PRC-2", "PRC-4"),
        Stage.ACCUMULATION,
        "apart",
        sound(_sum),
        "Is y the sum if no two heads choose the same expert?",
    ),
    Check(
        "output.twins",
        ("OUT-3",),
        Stage.ACCUMULATION,
        "twins",
        sound(_twins),
        "Does an expert that two heads choose count twice?",
    ),
    Check(
        "output.sum",
        ("OUT-1", "OUT-2", "OUT-3", "PRC-2", "PRC-4"),
        Stage.ACCUMULATION,
        "output",
        sound(_sum),
        "Is y the sum over heads and their k of gate · σ(u·x) · v?",
    ),
)
