"""Chapter 4, the sum: heads, gates, repeated experts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.base import holds, proportional, sound, within
from peerspec.conformance.trials.layer import Trial
from peerspec.reference import Layer

__all__ = ["LINEAR", "OUTPUT", "judge_y"]


def judge_y(trial: Trial, what: str = "y", *, narrow: bool = True) -> Iterator[Evidence]:
    """y of the returned gates, then of the reference's gates on the same ids; untraced, tokens with a clear margin."""

    def hint() -> str:
        return _factor(trial)

    u = trial.model.u * narrow
    where = np.broadcast_to(trial.finite[:, None], trial.returned_y.shape)
    if trial.shows_routing:
        yield from within(what, trial.returned_y, trial.y_of_returned, where, hint=hint, u=u)
    else:
        where = where & np.asarray(trial.margin.certain.all(-1))[:, None]
    clause = "GAT-1" if trial.shows_routing else ""
    what += " (it fits the returned gates, but these are not the reference's)" if trial.shows_routing else ""
    yield from within(what, trial.returned_y, trial.y, where, clause=clause, hint=hint, u=u)


def _factor(trial: Trial) -> str:
    factor = proportional(trial.returned_y, trial.y.value)
    heads = trial.case.layer.config.heads
    if factor is None:
        return ""
    cause = " = 1/h: heads are averaged instead of summed (OUT-2)" if abs(factor * heads - 1) < 1e-3 else ""
    return f"; y is {factor:.6g} times the expected{cause}"


def _sum(trial: Trial) -> Iterator[Evidence]:
    for evidence in judge_y(trial):
        averaged = "(OUT-2)" in evidence.problem
        yield Evidence(evidence.share, evidence.problem, "OUT-2" if averaged else evidence.clause, evidence.where)


def _twins(trial: Trial) -> Iterator[Evidence]:
    yield from judge_y(trial, "y where every expert is chosen by two heads,")


def _linear(trial: Trial) -> Iterator[Evidence]:
    """Scaling v by two is exact, so y doubles bit for bit unless something underflows; with v = 0 it is zero.

    Underflow costs the least normal number, once returning y and once for each of h·k products with v and their sums.
    """
    layer, model = trial.case.layer, trial.model
    lost = model.tiny_in + 2 * layer.config.heads * layer.config.top_k * model.tiny
    for factor in (2.0, 0.0):
        scaled = dict(layer.params) | {
            "experts.v": (layer.params["experts.v"] * layer.dtype.type(factor)).astype(layer.dtype)
        }
        got = trial.forward(layer=Layer(layer.config, scaled)).y.reshape(trial.returned_y.shape)
        expected = trial.returned_y.astype(np.float64) * factor
        off = np.abs(got.astype(np.float64) - expected)
        yield holds(
            bool((off <= (factor + 1) * lost * (factor > 0)).all()),
            f"y must be exactly {factor:g} times itself when v is; something that is not v is added to it",
        )


LINEAR = (
    Check(
        "output.linear",
        ("OUT-2",),
        "accumulation",
        "linear",
        sound(_linear),
        "Is y linear in v, with nothing added?",
    ),
)
OUTPUT = (
    Check(
        "output.heads",
        ("OUT-1", "OUT-2", "PRC-2", "PRC-4"),
        "accumulation",
        "apart",
        sound(_sum),
        "Is y the sum where no two heads choose the same expert?",
    ),
    Check(
        "output.twins",
        ("OUT-3",),
        "accumulation",
        "twins",
        sound(_twins),
        "Does an expert that two heads choose count twice?",
    ),
    Check(
        "output.sum",
        ("OUT-1", "OUT-2", "OUT-3", "PRC-2", "PRC-4"),
        "accumulation",
        "output",
        sound(_sum),
        "Is y the sum over heads and their k of gate · σ(u·x) · v?",
    ),
)
