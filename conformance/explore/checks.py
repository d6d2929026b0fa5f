"""Exploration: the questions of the other checks, put on configurations and half scores that Hypothesis draws.

A failure is blamed on the stage and clause of the check that failed within.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from peerspec.conformance.check import Check, Evidence

__all__ = ["EXPLORE"]


def _judge(explorer: Any) -> Iterator[Evidence]:
    yield from explorer.evidence()


EXPLORE = (
    Check(
        "explore.select",
        ("SEL-2", "SEL-1", "SEL-4", "SCO-2"),
        "tie",
        "explore.select",
        _judge,
        "Does select() hold on half scores of few values that Hypothesis draws?",
        profile="select",
    ),
    Check(
        "explore.layer",
        ("OUT-1", "SHP-1", "SHP-2", "SCO-1", "SCO-2", "SEL-3", "SEL-2", "SEL-5", "SEL-6", "GAT-1", "IND-1", "IND-2"),
        "accumulation",
        "explore.layer",
        _judge,
        "Does the layer hold in configurations and shapes that Hypothesis draws?",
    ),
    Check(
        "explore.gradients",
        ("GRD-1", "GRD-2", "GRD-3", "GRD-4", "GRD-7"),
        "gradient",
        "explore.gradients",
        _judge,
        "Do gradients hold in configurations and shapes that Hypothesis draws?",
        profile="training",
    ),
)
