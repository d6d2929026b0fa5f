"""Exploration: the other checks, on configurations and half scores that Hypothesis draws.

A failure is blamed on the stage and clause of the check that failed on the drawn case.
"""

from __future__ import annotations

from collections.abc import Iterator

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.explore.explorer import Explorer
from peerspec.conformance.kinds import Stage, TrialKind

__all__ = ["EXPLORATION_CHECKS"]


def _explore(explorer: Explorer) -> Iterator[Evidence]:
    yield from explorer.evidence()


EXPLORATION_CHECKS = (
    Check(
        "explore.select",
        ("SEL-2", "SEL-1", "SEL-4", "SCO-4"),
        Stage.TIE,
        "explore.select",
        _explore,
        "Does select() hold on half scores of few values that Hypothesis draws?",
        profile="select",
        trial=TrialKind.EXPLORATION,
    ),
    Check(
        "explore.layer",
        (
            "OUT-1",
            "SHP-1",
            "SHP-2",
            "SCO-1",
            "SCO-4",
            "SEL-3",
            "SEL-2",
            "SEL-7",
            "SEL-6",
            "GAT-1",
            "IND-1",
            "IND-2",
            "IND-4",
        ),
        Stage.ACCUMULATION,
        "explore.layer",
        _explore,
        "Does the layer hold in configurations and shapes that Hypothesis draws?",
        trial=TrialKind.EXPLORATION,
    ),
    Check(
        "explore.gradients",
        ("GRD-1", "GRD-2", "GRD-3", "GRD-4", "GRD-7"),
        Stage.GRADIENT,
        "explore.gradients",
        _explore,
        "Do gradients hold in configurations and shapes that Hypothesis draws?",
        profile="training",
        trial=TrialKind.EXPLORATION,
    ),
)
