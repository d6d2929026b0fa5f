"""Chapter 4, one expert at a time: one head and k = 1, so that the gate is 1 and y is the expert."""

from __future__ import annotations

from collections.abc import Iterator

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.base import sound
from peerspec.conformance.checks.output import judge_y
from peerspec.conformance.trials.layer import Trial
from peerspec.reference.config import ACTIVATIONS

__all__ = ["EXPERTS"]


def _alone(trial: Trial) -> Iterator[Evidence]:
    """A small error is one of precision only where σ has nothing to approximate."""
    straight = trial.case.layer.config.activation in ("relu", "identity")
    yield from judge_y(trial, "the output of one expert", narrow=straight)


EXPERTS = (
    Check(
        "experts.rows",
        ("EXP-1", "IDX-1"),
        "expert",
        "expert",
        sound(_alone),
        "Is an expert σ(u·x)·v with the rows of its id?",
    ),
    *(
        Check(
            f"experts.{kind}",
            ("ACT-1", "PRC-4"),
            "activation",
            f"activation.{kind}",
            sound(_alone),
            f"Is the activation {kind} the one of ACT-1?",
        )
        for kind in ACTIVATIONS
    ),
)
