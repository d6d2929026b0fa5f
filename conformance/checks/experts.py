"""Chapter 4, one expert at a time: one head and k = 1, so that the gate is 1 and y is the expert."""

from __future__ import annotations

from collections.abc import Iterator

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import sound
from peerspec.conformance.checks.output import examine_y
from peerspec.conformance.kinds import Stage
from peerspec.conformance.trials.layer import Trial
from peerspec.reference.config import ACTIVATIONS

__all__ = ["EXPERT_CHECKS"]


def _alone(trial: Trial) -> Iterator[Evidence]:
    """A small error is blamed on precision only if σ has nothing to approximate."""
    straight = trial.case.layer.config.activation in ("relu", "identity")
    yield from examine_y(trial, "the output of one expert", narrow=straight)


EXPERT_CHECKS = (
    Check(
        "experts.rows",
        ("EXP-1", "IDX-1"),
        Stage.EXPERT,
        "expert",
        sound(_alone),
        "Is an expert σ(u·x)·v with the rows of its id?",
    ),
    *(
        Check(
            f"experts.{activation}",
            ("ACT-1", "PRC-4"),
            Stage.ACTIVATION,
            f"activation.{activation}",
            sound(_alone),
            f"Is the activation {activation} the one of ACT-1?",
        )
        for activation in ACTIVATIONS
    ),
)
