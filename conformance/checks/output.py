"""Chapter 4, the sum: heads, gates, repeated experts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.checks.base import Check, Evidence, holds, proportional, sound, within
from peerspec.conformance.trial import Trial
from peerspec.reference import Layer

__all__ = ["OUTPUT", "judge_y"]


def judge_y(trial: Trial, what: str = "y") -> Iterator[Evidence]:
    """y of the returned gates, then of the reference's gates on the same ids; untraced, tokens with a clear margin."""
    where = np.broadcast_to(trial.finite[:, None], trial.returned_y.shape)
    if trial.traced:
        yield from within(what, trial.returned_y, trial.y_of_returned, where, hint=lambda: _factor(trial))
    else:
        where = where & np.asarray(trial.margin.certain.all(-1))[:, None]
    yield from within(what, trial.returned_y, trial.y, where, hint=lambda: _factor(trial))


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
    """Scaling v by two is exact, so y doubles bit for bit; with v = 0 it is zero."""
    layer = trial.case.layer
    for factor in (2.0, 0.0):
        scaled = dict(layer.params) | {
            "experts.v": (layer.params["experts.v"] * layer.dtype.type(factor)).astype(layer.dtype)
        }
        got = trial.forward(layer=Layer(layer.config, scaled)).value.y.reshape(trial.returned_y.shape)
        expected = trial.returned_y.astype(np.float64) * factor
        same = np.array_equal(got.astype(np.float64), expected)
        yield holds(
            same,
            f"y must be exactly {factor:g} times itself when v is; something that is not v is added to it",
        )


OUTPUT = (
    Check(
        "output.twins",
        ("OUT-3",),
        "accumulation",
        "twins",
        sound(_twins),
        "Does an expert that two heads choose count twice?",
    ),
    Check(
        "output.linear",
        ("OUT-2",),
        "accumulation",
        "linear",
        sound(_linear),
        "Is y linear in v, with nothing added?",
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
